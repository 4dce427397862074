# TeX Live with what the paper uses. acmart names no dependencies in TeX Live's database, so they are listed;
# the check `tex` compiles a page with all of them, without a network.
{ pkgs }:
pkgs.texliveSmall.withPackages (
  tex: with tex; [
    latexmk

    # the paper's own
    acmart
    booktabs
    lm
    pgf
    pgfplots
    siunitx
    xurl

    # what acmart loads, fonts included
    amscls
    amsfonts
    amsmath
    caption
    cmap
    comment
    draftwatermark
    environ
    etoolbox
    everysel
    fancyhdr
    float
    fontaxes
    framed
    geometry
    graphics
    hyperref
    hyperxmp
    iftex
    ifmtarg
    inconsolata
    kastrup
    libertine
    microtype
    mmap
    mweights
    natbib
    ncctools
    newtx
    oberdiek
    pbalance
    pdftexcmds
    preprint
    refcount
    setspace
    textcase
    tools
    totpages
    trimspaces
    upquote
    url
    xcolor
    xkeyval
    xstring
    zref

    # what siunitx and pgfplots load
    translations
  ]
)
