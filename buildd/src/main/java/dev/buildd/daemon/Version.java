package dev.buildd.daemon;

/** What this program is. */
final class Version {
  /** The BuildKit whose API is spoken; clients decide by it what they may ask for. */
  static final String BUILDKIT = "v0.32.2";

  static final String BUILDD = "0.1.0";
  static final String REVISION = "";

  private Version() {}
}
