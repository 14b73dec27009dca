package dev.buildd.llb;

import java.util.Optional;
import java.util.OptionalInt;

/** What has been said of a source; filled by options. */
public abstract sealed class SourceSpec {
  final Constraints constraints = new Constraints();

  private SourceSpec() {}

  /** Of a file. */
  public static final class FileInfo {
    String name = "";
    int permissions;
    int uid;
    int gid;

    FileInfo() {}
  }

  /** Of an image. */
  public static final class Image extends SourceSpec {
    Optional<ResolveMode> resolveMode = Optional.empty();
    String recordType = "";
    OptionalInt layerLimit = OptionalInt.empty();
    String checksum = "";
    Optional<ImageMetaResolver> resolver = Optional.empty();
    boolean resolveDigest;

    Image() {}
  }

  /** Of a git repository. */
  public static final class Git extends SourceSpec {
    String ref = "";
    String subdir = "";
    boolean keepGitDir;
    String authTokenSecret = "GIT_AUTH_TOKEN";
    String authHeaderSecret = "GIT_AUTH_HEADER";
    boolean authCap;
    String knownSshHosts = "";
    String mountSshSock = "";
    String checksum = "";
    boolean skipSubmodules;
    String mtime = "";
    boolean fetchByCommit;

    Git() {}
  }

  /** Of a file behind a URL. */
  public static final class Http extends SourceSpec {
    final FileInfo file = new FileInfo();
    String checksum = "";
    String authHeaderSecret = "";
    String signatureKeys = "";
    String signature = "";
    String accept = "";
    String userAgent = "";
    boolean header;

    Http() {}
  }

  /** Of a client's directory. */
  public static final class Local extends SourceSpec {
    String sessionId = "";
    String includePatterns = "";
    String excludePatterns = "";
    String followPaths = "";
    String sharedKeyHint = "";
    String differ = "";
    boolean differRequired;
    boolean metadataOnly;
    String metadataExceptions = "";

    Local() {}
  }

  /** Of an image in an OCI layout. */
  public static final class OciLayout extends SourceSpec {
    String sessionId = "";
    String storeId = "";
    OptionalInt layerLimit = OptionalInt.empty();

    OciLayout() {}
  }

  /** Of a blob. */
  public static final class Blob extends SourceSpec {
    final FileInfo file = new FileInfo();
    String sessionId = "";
    String storeId = "";

    Blob() {}
  }
}
