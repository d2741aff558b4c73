"""Candidates of the family after a common L2 start: validation along the way."""
import sys, time; sys.path.insert(0,".")
import torch, numpy as np
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.stages.build import build, start_of
from jointnn.training.loop import learn
e, seed, lr, hl = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
frac=float(sys.argv[5]); import os; METRIC=os.environ.get("METRIC","sum_square")
jobs=Jobs(read_params())
job0=jobs.attempt(e,seed,"joint",0)
cands={"l2":dict(scale_factor=float("inf")),"l2decay.5":dict(scale_factor=float("inf"),strength_decay=.5),"w.7":dict(scale_factor=.7,weighting="welsch"),"w1.4":dict(scale_factor=1.4,weighting="welsch"),"gm2":dict(scale_factor=2.,weighting="geman_mcclure"),"none":dict(scale_factor=1e-9,weighting="welsch"),
 "s2decay":dict(scale_factor=2.,strength_decay=.5,weighting="paper")}
for name in sys.argv[6:]:
    t=time.time()
    s=dict(job0.settings); s.pop("scale",None); s.pop("start",None)
    s.update(learning_rate=lr, threads=1, strength_decay=0.0, weighting="paper", metric=METRIC)
    s["steps"]=round(s["steps"]*frac)
    s["strength"]={**s["strength"],"half_life":hl,"lambda_":None}
    s.update(cands[name])
    job=job0.model_copy(update={"settings":s})
    state,setup,plan=build(job); state.load(start_of(job),{})
    for _ in learn(state,setup,plan): pass
    out={}
    for step,split,ds,metric,v in state.history:
        if split=="validation" and metric in("loss","accuracy"): out.setdefault(metric,{}).setdefault(step,[]).append(float(v))
    print(e,seed,lr,hl,frac,name,"l2 ends",plan.phases[0].end,"round 1",plan.phases[1].end)
    for m in out: print("  ",m," ".join(f"{st}:{100*np.mean(v):.2f}" for st,v in out[m].items()))
    print(f"  {time.time()-t:.0f}s",flush=True)
