"""Train halves under the L2 start; per layer, pair: ratio, and held-out gain of moving to the others."""
import sys, time; sys.path.insert(0,".")
import torch
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import SplitHalvesJob, TrainingJob
from jointnn.methods.split_halves import halved
from jointnn.parameters.load import read_params
from jointnn.stages.build import build, start_of
from jointnn.training.loop import learn, distances_between
from jointnn.irls.split_halves import split_half_ratios
from jointnn.data.splits import Split, as_float
torch.set_printoptions(precision=2, sci_mode=False, linewidth=220)
e, seed = sys.argv[1], int(sys.argv[2]); lr=float(sys.argv[3]); hl=float(sys.argv[4])
jobs=Jobs(read_params())
job=jobs.attempt(e,seed,"joint",0)
s={k:v for k,v in job.settings.items() if k not in("scale",)}
s.update(learning_rate=lr, threads=1, scale_factor=1.0, strength_decay=0.0, weighting="paper", metric="sum_square")
s["strength"]={**s["strength"],"half_life":hl,"lambda_":None}
s.pop("start",None)
own={k:getattr(job,k) for k in TrainingJob.model_fields.keys() & job.model_fields_set}
h=SplitHalvesJob(**{**own,"stage":"split_halves","settings":halved(s),"until":"l2","curves":False,"halves":f"/tmp/ideas_h_{e}_{seed}"})
t=time.time()
state,setup,plan=build(h)
state.load(start_of(h),{})
for _ in learn(state,setup,plan,plan.end_of("l2")): pass
print(e,seed,"steps",state.step,"of",plan.phases[-1].end,f"{time.time()-t:.0f} s")
d=distances_between(state,setup,plan)
r=split_half_ratios(d)
n=len(job.datasets); L=r.shape[0]
rows=[l.data.clone() for l in state.networks.coupled]  # (2n,D)
names=list(state.networks.names)
gain=torch.zeros(2,L,n,n)  # held-out, train: loss change per unit move to j
(term,)=setup.task.terms().values()
count=setup.task.numbers(next(iter(state.networks.modules.values())))
loss_=torch.zeros(2,n)
mean_loss=torch.zeros(n)
for k in range(n):
    for a in (0,1):
        i=2*k+a; o=2*k+1-a
        net=state.networks.modules[names[i]].eval()
        for kind,which in ((0,o),(1,i)):
            data=setup.data[names[which]].train
            draws=4 if count else 1
            for row in state.networks.rows[i]: row.grad.zero_()
            for draw in range(draws):
                gen=torch.Generator().manual_seed(draw)
                num=torch.rand(len(data),count,generator=gen) if count else None
                x=as_float(data.images)
                b=Split(x,data.labels,num) if count else Split(x,data.labels)
                loss=term(net,b)/draws
                loss.backward()
                loss_[kind,k]+=loss.item()/2
            for l in range(L):
                g=state.networks.rows[i][l].grad
                for j in range(n):
                    target=rows[l][2*j:2*j+2].mean(0) if j!=k else rows[l][o]
                    gain[kind,l,k,j]-= (g@(target-rows[l][i])).item()/2
print("loss held-out",loss_[0].tolist(),"train",loss_[1].tolist())
print("ratios, mean over layers\n",r.mean(0))
print("held-out gain summed over layers (diag: to own other half)\n",gain[0].sum(0))
print("train gain\n",gain[1].sum(0))
for l,name in enumerate(state.networks.layers):
    g=gain[0,l]; print(name,"ratio",(r[l].sum()-n).item()/n/(n-1)); print(g)
torch.save({"ratios":r,"gain":gain,"loss":loss_,"d":d,"names":names,"layers":state.networks.layers},f"/tmp/ideas_g_{e}_{seed}.pt")
