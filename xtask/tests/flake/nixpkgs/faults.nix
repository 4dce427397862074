# What the tests take away: attributes that do not exist, attributes that throw, TeX packages that do not exist.
{
  removed = [ ];
  broken = [ ];
  removedTex = [ ];
}
