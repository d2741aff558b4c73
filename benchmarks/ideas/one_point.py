"""A point of `joint` with other settings, as a search would run it; its measure on validation. Validation."""
import sys, time; sys.path.insert(0,".")
import json
import numpy as np
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.stages.build import build
from jointnn.stages.run_training import train, validation_means
e, seed = sys.argv[1], int(sys.argv[2])
for text in sys.argv[3:]:
    t=time.time(); change=json.loads(text)
    job=Jobs(read_params()).attempt(e,seed,"joint",0)
    s={**job.settings,"scale_factor":1.0,"strength_decay":0.0,"metric":"sum_square","threads":1,**change}
    s["strength"]={"half_life":s.pop("hl",1),"lambda_":None}; s.pop("start",None)
    job=job.model_copy(update={"settings":s})
    import contextlib,io
    state,setup,plan=build(job)
    with contextlib.redirect_stdout(io.StringIO()): train(job,state,setup,plan)
    m=validation_means(state,setup,job.measures)
    w=[float(np.triu(r.weights.mean(0).numpy(),1).sum()/(len(setup.names)*(len(setup.names)-1)/2)) for r in state.rounds]
    print(e,seed,text,[f"{k.name} {v:.4f}" for k,v in m.items()][:2] if hasattr(m,'items') else m,"w",[round(x,2) for x in w],f"{time.time()-t:.0f}s",flush=True)
