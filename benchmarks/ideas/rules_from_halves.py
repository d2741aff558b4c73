"""Train full networks: L2 start, then weights by a rule from the gains of halves. Validation."""
import sys, time; sys.path.insert(0,".")
import torch, numpy as np, dataclasses
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import TrainingJob, AttemptJob
from jointnn.parameters.load import read_params
from jointnn.stages.build import build, start_of
from jointnn.methods.plan import Plan, Phase, Fixed
from jointnn.training.loop import learn
def gamma(g):
    own=torch.diagonal(g,dim1=-2,dim2=-1)
    x=(g+g.mT)/(own[...,:,None]+own[...,None,:])
    return torch.nan_to_num(x)
def rule(name, f):
    x=torch.load(f,weights_only=False); g=x["gain"][0].double(); L,n=g.shape[:2]
    r=x["ratios"]
    kind,_,arg=name.partition(":"); c=float(arg or .25)
    one=torch.ones(L,n,n,dtype=torch.float64)
    if kind=="l2": return one*c
    if kind=="none": return one*0
    if kind=="pair": return one*(gamma(g.sum(0))/c).clip(0,1)
    if kind=="hard": return one*(gamma(g.sum(0))>c)
    if kind=="layer": return (gamma(g)/c).clip(0,1)
    if kind=="smooth":  # layer with neighbours
        k=torch.stack([g[max(0,l-1):l+2].sum(0) for l in range(L)]); return (gamma(k)/c).clip(0,1)
    if kind=="layeronly":
        off=~torch.eye(n,dtype=bool)
        gl=torch.stack([a[off].mean()/torch.diagonal(a).mean() for a in g]); return one*(gl/c).clip(0,1)[:,None,None]
    if kind=="prod":
        off=~torch.eye(n,dtype=bool)
        gl=torch.stack([a[off].mean()/torch.diagonal(a).mean() for a in g]).clip(min=0); p=gamma(g.sum(0)).clip(min=0)
        m=p[off].mean().clip(min=1e-9)
        return (gl[:,None,None]*p/m/c).clip(0,1)
    if kind=="ratio": return one*(r.mean(0)<c)
    if kind=="ratiol": return (r<c).double()
    raise SystemExit(kind)
e, seed, lr, hl = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
jobs=Jobs(read_params())
job0=jobs.attempt(e,seed,"joint",0)
for name in sys.argv[5:]:
    t=time.time()
    s=dict(job0.settings); s.pop("scale",None)
    s.update(learning_rate=lr, threads=1, scale_factor=1.0, strength_decay=0.0, weighting="paper", metric="sum_square",start="common")
    if "start" in s and job0.settings.get("start") is not None: s["start"]=job0.settings["start"] if job0.settings["start"]!="shareall" else "initial"
    s["strength"]={**s["strength"],"half_life":hl,"lambda_":None}
    s.pop("start",None)
    job=job0.model_copy(update={"settings":s,"record":job0.record})
    state,setup,plan=build(job); state.load(start_of(job),{})
    steps=plan.phases[-1].end; l2=plan.phases[0].end
    L=len(state.networks.layers); n=len(job.datasets)
    fac=torch.full((L,),2.0); fac[0]=1; fac[-1]=1
    w=rule(name,f"/tmp/ideas_g_{e}_{seed}.pt")*fac[:,None,None]
    p=Plan([Phase("l2",l2,Fixed((torch.ones(L,n,n)*fac[:,None,None]).double().numpy())),Phase("rest",steps-l2,Fixed(w.numpy()),start=l2)],"single",layers=plan.layers)
    for _ in learn(state,setup,p): pass
    vals=[]
    for k,(nm,d) in enumerate(setup.data.items()):
        m={x.name:v for x,v in setup.task.measures(state.networks.modules[nm].eval(),d.validation).items()}
        vals.append(m.get("accuracy",m.get("error",m["loss"])))
    print(e,seed,lr,hl,name,f"{100*np.mean(vals):.2f}",[round(100*v,1) for v in vals],f"{time.time()-t:.0f}s",flush=True)
