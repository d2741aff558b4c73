"""Train full networks: L2 start, then weights by a rule from ratios or gradients of halves. Validation."""
import sys, time; sys.path.insert(0,".")
import torch, numpy as np, dataclasses
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import TrainingJob, AttemptJob
from jointnn.parameters.load import read_params
from jointnn.stages.build import build, start_of
from jointnn.methods.plan import Plan, Phase, Fixed
from jointnn.training.loop import learn
def rule(name, f):
    x=torch.load(f,weights_only=False); r=x["ratios"].double(); L,n=r.shape[:2]
    a=torch.nan_to_num(x["agreement"].double(),nan=0.0,posinf=0.0,neginf=0.0)
    kind,_,arg=name.partition(":"); c=float(arg or 1)
    one=torch.ones(L,n,n,dtype=torch.float64)
    between=2*(r-1).clip(min=1e-3); mean=2*(r.mean(0)-1).clip(min=1e-3)
    if kind=="all": return one
    if kind=="none": return one*0
    # Multi-task averaging: noise of a network over the square of what lies between two, here 1 / (2 (ratio - 1)), by
    # layer or by pair; c is the half-life that belongs to a strength of 1 in units of the data's own pull.
    if kind=="mta": return (1/(c*between)).clip(max=1)
    if kind=="mta_pair": return one*(1/(c*mean)).clip(max=1)
    if kind=="quad": return one/(1+c*(r.mean(0)-1).clip(min=0)**2)
    if kind=="quad_layer": return 1/(1+c*(r-1).clip(min=0)**2)
    if kind=="agree": return one*(a.median(0).values>c)
    if kind=="agree_layer": return (a>c).double()
    if kind=="agree_soft": return a.clip(0,1)**c
    raise SystemExit(kind)
e, seed, lr, hl, metric = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), sys.argv[5]
jobs=Jobs(read_params())
job0=jobs.attempt(e,seed,"joint",0)
for name in sys.argv[6:]:
    t=time.time()
    s=dict(job0.settings); s.pop("scale",None)
    s.update(learning_rate=lr, threads=1, scale_factor=1.0, strength_decay=0.0, weighting="paper", metric=metric,start="common")
    if "start" in s and job0.settings.get("start") is not None: s["start"]=job0.settings["start"] if job0.settings["start"]!="shareall" else "initial"
    s["strength"]={**s["strength"],"half_life":hl,"lambda_":None}
    s.pop("start",None)
    job=job0.model_copy(update={"settings":s,"record":job0.record})
    state,setup,plan=build(job); state.load(start_of(job),{})
    steps=plan.phases[-1].end; l2=plan.phases[0].end
    L=len(state.networks.layers); n=len(job.datasets)
    fac=torch.full((L,),2.0); fac[0]=1; fac[-1]=1
    w=rule(name,f"/tmp/ideas_a_{e}_{seed}_own.pt")*fac[:,None,None]
    p=Plan([Phase("l2",l2,Fixed((torch.ones(L,n,n)*fac[:,None,None]).double().numpy())),Phase("rest",steps-l2,Fixed(w.numpy()),start=l2)],"single",layers=plan.layers)
    for _ in learn(state,setup,p): pass
    vals=[]
    for k,(nm,d) in enumerate(setup.data.items()):
        m={x.name:v for x,v in setup.task.measures(state.networks.modules[nm].eval(),d.validation).items()}
        vals.append(m.get("accuracy",m.get("error",m["loss"])))
    print(e,seed,lr,hl,metric,name,f"{100*np.mean(vals):.2f}",[round(100*v,1) for v in vals],f"{time.time()-t:.0f}s",flush=True)
