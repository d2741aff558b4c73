"""Train halves under the L2 start; per layer and pair: ratio, and agreement of gradients corrected for attenuation.

At every record of the L2 start, of each half the gradient of its loss on images of its own, or on those of the other
half, which it has not seen; sums over records of inner
products: of other datasets over the root of those of the two halves of one. Saves both for rules_of_strength.py.
"""
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
e, seed, lr, hl, every, unseen = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]), sys.argv[6]=="unseen"
job=Jobs(read_params()).attempt(e,seed,"joint",0)
s={k:v for k,v in job.settings.items() if k!="scale"}
s.update(learning_rate=lr, threads=1, scale_factor=1.0, strength_decay=0.0, weighting="paper", metric="sum_square")
s["strength"]={**s["strength"],"half_life":hl,"lambda_":None}
s.pop("start",None)
s["record_every"]=every
own={k:getattr(job,k) for k in TrainingJob.model_fields.keys() & job.model_fields_set}
h=SplitHalvesJob(**{**own,"stage":"split_halves","settings":halved(s),"until":"l2","curves":False,"halves":f"/tmp/ideas_h_{e}_{seed}"})
state,setup,plan=build(h); state.load(start_of(h),{})
n=len(job.datasets); names=list(state.networks.names); L=len(state.networks.layers)
(term,)=setup.task.terms().values()
count=setup.task.numbers(next(iter(state.networks.modules.values())))
inner=torch.zeros(L,2*n,2*n,dtype=torch.float64); records=0
t=time.time()
for _ in learn(state,setup,plan,plan.end_of("l2")):
    records+=1; grads=[]
    for i in range(2*n):
        net=state.networks.modules[names[i]]; was=net.training; net.eval()
        data=setup.data[names[i ^ 1 if unseen else i]].train
        for row in state.networks.rows[i]: row.grad.zero_()
        for draw in range(4 if count else 1):
            num=torch.rand(len(data),count,generator=torch.Generator().manual_seed(draw)) if count else None
            x=as_float(data.images)
            term(net,Split(x,data.labels,num) if count else Split(x,data.labels)).backward()
        grads.append([row.grad.detach().double().clone() for row in state.networks.rows[i]])
        for row in state.networks.rows[i]: row.grad.zero_()
        net.train(was)
    for l in range(L):
        g=torch.stack([one[l] for one in grads]); inner[l]+=g@g.T
d=distances_between(state,setup,plan); r=split_half_ratios(d)
own_=torch.stack([inner[:,2*k,2*k+1] for k in range(n)],-1)  # (L,n)
across=inner.view(L,n,2,n,2).mean((2,4))
agree=across/(own_[:,:,None]*own_[:,None,:]).clip(min=0).sqrt()
off=~torch.eye(n,dtype=bool)
print(e,seed,"records",records,f"{time.time()-t:.0f} s; halves of one dataset agree (cosine), mean over datasets, per layer:")
cos=torch.stack([inner[:,2*k,2*k+1]/(inner[:,2*k,2*k]*inner[:,2*k+1,2*k+1]).sqrt() for k in range(n)],-1)
for l,name in enumerate(state.networks.layers):
    print(f"{name:24s} halves {cos[l].mean():.2f}  ratio {r[l][off].mean():.2f}  agreement\n{agree[l]}")
print("mean over layers: ratio\n",r.mean(0),"\nagreement\n",torch.nanmean(agree,0))
torch.save({"ratios":r,"agreement":agree,"cos":cos,"layers":state.networks.layers},f"/tmp/ideas_a_{e}_{seed}_{sys.argv[6]}.pt")
