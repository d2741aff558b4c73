import torch,sys
torch.set_printoptions(precision=2, sci_mode=False, linewidth=220)
for f in sys.argv[1:]:
    x=torch.load(f,weights_only=False); g=x["gain"][0]; n=g.shape[-1]
    def gamma(g):
        own=torch.diagonal(g,dim1=-2,dim2=-1)
        return (g+g.mT)/(own[...,:,None]+own[...,None,:])
    print(f, x["loss"].tolist()); print(gamma(g.sum(0)))
    for l,name in enumerate(x["layers"]):
        G=gamma(g[l]); off=~torch.eye(n,dtype=bool)
        print(f"{name:10s} own gain {torch.diagonal(g[l]).mean():.5f} gamma min {G[off].min():.2f} median {G[off].median():.2f} max {G[off].max():.2f} ratio {x['ratios'][l][off].mean():.2f}")
