package dev.buildd.llb;

/** How steps are written down; it decides their digests. */
public enum Encoding {
  /** As BuildKit's Go client does today. */
  TODAY,
  /**
   * As the first public BuildKit did: no platform, no constraints, no attributes that came later,
   * and always a PATH.
   */
  SEED
}
