# The part of nixpkgs' lib that our flake uses, with the same meaning.
rec {
  genAttrs =
    names: f:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );
  concatMap = builtins.concatMap;
  concatMapAttrs =
    f: attrs:
    builtins.foldl' (all: name: all // f name attrs.${name}) { } (builtins.attrNames attrs);
  subtractLists = unwanted: builtins.filter (item: !builtins.elem item unwanted);
  assertMsg = condition: message: condition || throw message;
  toUpper =
    let
      letters = builtins.filter (part: builtins.isString part && part != "") (
        builtins.split "" "abcdefghijklmnopqrstuvwxyz"
      );
      capitals = builtins.filter (part: builtins.isString part && part != "") (
        builtins.split "" "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      );
    in
    builtins.replaceStrings letters capitals;
}
