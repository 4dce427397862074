# TeX Live with what the paper uses. acmart names no dependencies in TeX Live's database, so they are listed
# here; what they need in turn is in texliveSmall or follows by itself. The check `tex` compiles a page with all
# of them, without a network.
{ pkgs }:
let
  paper = [
    "acmart"
    "booktabs"
    "latexmk"
    "lm"
    "pgf"
    "pgfplots"
    "siunitx"
    "xurl"
  ];

  # What acmart, pgfplots and siunitx load, fonts included.
  dependencies = [
    "amscls"
    "amsfonts"
    "amsmath"
    "caption"
    "cmap"
    "comment"
    "draftwatermark"
    "environ"
    "etoolbox"
    "fancyhdr"
    "float"
    "fontaxes"
    "framed"
    "geometry"
    "graphics"
    "hyperref"
    "hyperxmp"
    "iftex"
    "ifmtarg"
    "inconsolata"
    "kastrup"
    "libertine"
    "microtype"
    "mmap"
    "mweights"
    "natbib"
    "ncctools"
    "newtx"
    "oberdiek"
    "pbalance"
    "pdftexcmds"
    "preprint"
    "refcount"
    "setspace"
    "textcase"
    "tools"
    "totpages"
    "translations"
    "trimspaces"
    "upquote"
    "url"
    "xcolor"
    "xkeyval"
    "xstring"
    "zref"
  ];

  # TeX Live merges and renames packages from year to year. A dependency that is gone may well live on in another
  # package, so it costs a trace and not the shell; the check `tex` decides.
  attempt =
    tex: name:
    if tex ? ${name} then
      [ tex.${name} ]
    else
      builtins.trace "weighbridge: TeX Live has no package ${name}; the check `tex` says whether it matters" [ ];
in
pkgs.texliveSmall.withPackages (
  tex: map (name: tex.${name}) paper ++ builtins.concatMap (attempt tex) dependencies
)
