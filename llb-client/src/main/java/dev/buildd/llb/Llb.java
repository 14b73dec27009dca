package dev.buildd.llb;

import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.GoJson;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.proto.pb.CDIDevice;
import dev.buildd.proto.pb.MountContentCache;
import dev.buildd.proto.pb.ProgressGroup;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

/** Where builds begin: sources, and the options of sources and steps. */
public final class Llb {
  private Llb() {}

  // ---- sources

  /** The empty filesystem. */
  public static State scratch() {
    return State.scratch();
  }

  /** An image in a registry: {@code image("busybox:latest")}. */
  public static State image(String name, ImageOption... options) {
    SourceSpec.Image spec = new SourceSpec.Image();
    for (ImageOption option : options) {
      option.applyTo(spec);
    }
    String reference = name;
    Optional<String> problem = Optional.empty();
    Optional<ImageName> parsed = Optional.empty();
    try {
      parsed = Optional.of(ImageName.parse(name).tagged());
      reference = parsed.get().toString();
    } catch (BuildException e) {
      problem = Optional.of(String.valueOf(e.getMessage()));
    }
    SortedMap<String, String> attributes = new TreeMap<>();
    spec.constraints.caps.add(Caps.SOURCE_IMAGE);
    spec.resolveMode.ifPresent(mode -> {
      if (mode != ResolveMode.DEFAULT) {
        attributes.put("image.resolvemode", mode.text());
      }
      if (mode == ResolveMode.FORCE_PULL) {
        spec.constraints.caps.add(Caps.SOURCE_IMAGE_RESOLVE_MODE);
      }
    });
    putUnlessEmpty(attributes, "image.recordtype", spec.recordType);
    spec.layerLimit.ifPresent(limit -> {
      attributes.put("image.layerlimit", Integer.toString(limit));
      spec.constraints.caps.add(Caps.SOURCE_IMAGE_LAYER_LIMIT);
    });
    if (!spec.checksum.isEmpty()) {
      attributes.put("image.checksum", spec.checksum);
      spec.constraints.caps.add(Caps.SOURCE_IMAGE_CHECKSUM);
    }
    if (problem.isEmpty() && spec.resolver.isPresent() && parsed.isPresent()) {
      return resolved(parsed.get(), spec, attributes);
    }
    return source("docker-image://" + reference, attributes, spec.constraints, problem);
  }

  private static State resolved(
      ImageName name, SourceSpec.Image spec, SortedMap<String, String> attributes) {
    ImageMetaResolver.Resolved found =
        spec.resolver
            .orElseThrow()
            .resolve(
                name.toString(),
                Optional.ofNullable(spec.constraints.platform),
                spec.resolveMode.orElse(ResolveMode.DEFAULT));
    ImageName used = name;
    if (spec.resolveDigest && name.digest().isEmpty()) {
      used = ImageName.parse(found.reference());
      used = found.digest().isEmpty() ? used : used.withDigest(found.digest());
    }
    return source("docker-image://" + used, attributes, spec.constraints, Optional.empty())
        .withImageConfig(found.config());
  }

  /** One blob of a registry's repository as a file: {@code blob("example.com/x@sha256:...")}. */
  public static State imageBlob(String name, BlobOption... options) {
    return blob("docker-image+blob://", name, options);
  }

  /** One blob of an OCI layout as a file. */
  public static State ociLayoutBlob(String name, BlobOption... options) {
    return blob("oci-layout+blob://", name, options);
  }

  private static State blob(String scheme, String name, BlobOption... options) {
    SourceSpec.Blob spec = new SourceSpec.Blob();
    for (BlobOption option : options) {
      option.applyTo(spec);
    }
    SortedMap<String, String> attributes = new TreeMap<>();
    putFile(attributes, spec.file);
    if (scheme.startsWith("oci")) {
      putUnlessEmpty(attributes, "oci.session", spec.sessionId);
      putUnlessEmpty(attributes, "oci.store", spec.storeId);
    }
    spec.constraints.caps.add(Caps.SOURCE_IMAGE_BLOB);
    String reference = "invalid";
    Optional<String> problem = Optional.empty();
    try {
      ImageName parsed = ImageName.parse(name);
      if (parsed.tag().isPresent()) {
        problem = Optional.of("tagged image reference not allowed for blob reference");
      } else if (parsed.digest().isEmpty()) {
        problem = Optional.of("checksum required in blob reference");
      } else {
        reference = parsed.toString();
      }
    } catch (BuildException e) {
      problem = Optional.of(String.valueOf(e.getMessage()));
    }
    return source(scheme + reference, attributes, spec.constraints, problem);
  }

  /**
   * A git repository.
   *
   * @param fragment {@code ref[:directory]}, or empty
   */
  public static State git(String url, String fragment, GitOption... options) {
    SourceSpec.Git spec = new SourceSpec.Git();
    int colon = fragment.indexOf(':');
    spec.ref = colon < 0 ? fragment : fragment.substring(0, colon);
    spec.subdir = colon < 0 ? "" : GoPath.join("/", fragment.substring(colon + 1)).substring(1);
    for (GitOption option : options) {
      option.applyTo(spec);
    }
    Optional<GitRemote> parsed = GitRemote.parse(url);
    String remote = parsed.map(GitRemote::remote).orElse(url);
    String id = parsed.map(GitRemote::identity).orElse(url);
    if (parsed.isPresent() && !(spec.ref.isEmpty() && spec.subdir.isEmpty())) {
      id += "#" + spec.ref + (spec.subdir.isEmpty() ? "" : ":" + spec.subdir);
    }
    Constraints constraints = spec.constraints;
    SortedMap<String, String> attributes = new TreeMap<>();
    putFlag(attributes, "git.keepgitdir", spec.keepGitDir, constraints, Caps.SOURCE_GIT_KEEP_DIR);
    putText(attributes, "git.fullurl", remote, constraints, Caps.SOURCE_GIT_FULL_URL);
    putUnlessEmpty(attributes, "git.authtokensecret", spec.authTokenSecret);
    putUnlessEmpty(attributes, "git.authheadersecret", spec.authHeaderSecret);
    if (spec.authCap) {
      constraints.caps.add(Caps.SOURCE_GIT_HTTP_AUTH);
    }
    if (parsed.isPresent() && parsed.get().scheme().equals("ssh")) {
      putUnlessEmpty(attributes, "git.knownsshhosts", spec.knownSshHosts);
      constraints.caps.add(Caps.SOURCE_GIT_KNOWN_HOSTS);
      attributes.put(
          "git.mountsshsock", spec.mountSshSock.isEmpty() ? "default" : spec.mountSshSock);
      constraints.caps.add(Caps.SOURCE_GIT_MOUNT_SSH);
    }
    putText(attributes, "git.checksum", spec.checksum, constraints, Caps.SOURCE_GIT_CHECKSUM);
    putFlag(
        attributes,
        "git.skipsubmodules",
        spec.skipSubmodules,
        constraints,
        Caps.SOURCE_GIT_SKIP_SUBMODULES);
    putText(attributes, "git.mtime", spec.mtime, constraints, Caps.SOURCE_GIT_MTIME);
    putFlag(
        attributes,
        "git.fetchbycommit",
        spec.fetchByCommit,
        constraints,
        Caps.SOURCE_GIT_FETCH_BY_COMMIT);
    constraints.caps.add(Caps.SOURCE_GIT);
    return source("git://" + id, attributes, constraints, Optional.empty());
  }

  /** A file behind a URL. */
  public static State http(String url, HttpOption... options) {
    SourceSpec.Http spec = new SourceSpec.Http();
    for (HttpOption option : options) {
      option.applyTo(spec);
    }
    Constraints constraints = spec.constraints;
    SortedMap<String, String> attributes = new TreeMap<>();
    putText(attributes, "http.checksum", spec.checksum, constraints, Caps.SOURCE_HTTP_CHECKSUM);
    putFile(attributes, spec.file);
    if (spec.file.permissions != 0) {
      constraints.caps.add(Caps.SOURCE_HTTP_PERM);
    }
    if (spec.file.uid != 0 || spec.file.gid != 0) {
      constraints.caps.add(Caps.SOURCE_HTTP_UID_GID);
    }
    putText(
        attributes,
        "http.authheadersecret",
        spec.authHeaderSecret,
        constraints,
        Caps.SOURCE_HTTP_AUTH);
    if (!spec.signature.isEmpty() || !spec.signatureKeys.isEmpty()) {
      putUnlessEmpty(attributes, "http.sig.pubkey", spec.signatureKeys);
      putUnlessEmpty(attributes, "http.sig.signature", spec.signature);
      constraints.caps.add(Caps.SOURCE_HTTP_SIGNATURE);
    }
    if (spec.header) {
      putUnlessEmpty(attributes, "http.header.accept", spec.accept);
      putUnlessEmpty(attributes, "http.header.user-agent", spec.userAgent);
      constraints.caps.add(Caps.SOURCE_HTTP_HEADER);
    }
    constraints.caps.add(Caps.SOURCE_HTTP);
    return source(url, attributes, constraints, Optional.empty());
  }

  /** A directory of the client's, by the name under which it is offered. */
  public static State local(String name, LocalOption... options) {
    SourceSpec.Local spec = new SourceSpec.Local();
    for (LocalOption option : options) {
      option.applyTo(spec);
    }
    Constraints constraints = spec.constraints;
    SortedMap<String, String> attributes = new TreeMap<>();
    putText(attributes, "local.session", spec.sessionId, constraints, Caps.SOURCE_LOCAL_SESSION_ID);
    putText(
        attributes,
        "local.includepattern",
        spec.includePatterns,
        constraints,
        Caps.SOURCE_LOCAL_INCLUDE);
    putText(
        attributes, "local.followpaths", spec.followPaths, constraints, Caps.SOURCE_LOCAL_FOLLOW);
    putText(
        attributes,
        "local.excludepatterns",
        spec.excludePatterns,
        constraints,
        Caps.SOURCE_LOCAL_EXCLUDE);
    putText(
        attributes,
        "local.sharedkeyhint",
        spec.sharedKeyHint,
        constraints,
        Caps.SOURCE_LOCAL_SHARED_KEY);
    if (!spec.differ.isEmpty()) {
      attributes.put("local.differ", spec.differ);
      if (spec.differRequired) {
        constraints.caps.add(Caps.SOURCE_LOCAL_DIFFER);
      }
    }
    if (spec.metadataOnly) {
      attributes.put("local.metadatatransfer", "true");
      putUnlessEmpty(attributes, "local.metadatatransferexclude", spec.metadataExceptions);
      constraints.caps.add(Caps.SOURCE_LOCAL_METADATA);
    }
    constraints.caps.add(Caps.SOURCE_LOCAL);
    return source("local://" + name, attributes, constraints, Optional.empty());
  }

  /** An image in an OCI layout that the client offers. */
  public static State ociLayout(String reference, OciLayoutOption... options) {
    SourceSpec.OciLayout spec = new SourceSpec.OciLayout();
    for (OciLayoutOption option : options) {
      option.applyTo(spec);
    }
    SortedMap<String, String> attributes = new TreeMap<>();
    putUnlessEmpty(attributes, "oci.session", spec.sessionId);
    putUnlessEmpty(attributes, "oci.store", spec.storeId);
    spec.layerLimit.ifPresent(limit -> attributes.put("oci.layerlimit", Integer.toString(limit)));
    spec.constraints.caps.add(Caps.SOURCE_OCI_LAYOUT);
    return source("oci-layout://" + reference, attributes, spec.constraints, Optional.empty());
  }

  /** Any source, by its identifier. */
  public static State source(
      String identifier, Map<String, String> attributes, ConstraintsOption... options) {
    return source(identifier, new TreeMap<>(attributes), Constraints.of(options), Optional.empty());
  }

  /** What a definition that was made elsewhere makes. */
  public static State definition(Definition definition) {
    return State.of(definition);
  }

  /** What definitions that were made elsewhere make; steps that they have in common are one. */
  public static List<State> definitions(List<Definition> definitions) {
    Map<String, DefinitionVertex> known = new HashMap<>();
    return definitions.stream().map(each -> State.of(each, known)).toList();
  }

  /**
   * A filesystem that is asked for once, when something that uses it is written down; it cannot be
   * the empty one.
   */
  public static State deferred(Supplier<State> source) {
    return State.of(Output.first(new DeferredVertex(source)));
  }

  private static State source(
      String identifier,
      SortedMap<String, String> attributes,
      Constraints constraints,
      Optional<String> problem) {
    return State.of(new SourceVertex(identifier, attributes, constraints, problem).output());
  }

  private static void putUnlessEmpty(Map<String, String> to, String name, String value) {
    if (!value.isEmpty()) {
      to.put(name, value);
    }
  }

  private static void putText(
      Map<String, String> to, String name, String value, Constraints constraints, String cap) {
    if (!value.isEmpty()) {
      to.put(name, value);
      constraints.caps.add(cap);
    }
  }

  private static void putFlag(
      Map<String, String> to, String name, boolean value, Constraints constraints, String cap) {
    putText(to, name, value ? "true" : "", constraints, cap);
  }

  private static void putFile(Map<String, String> to, SourceSpec.FileInfo file) {
    putUnlessEmpty(to, "http.filename", file.name);
    if (file.permissions != 0) {
      to.put("http.perm", "0" + Integer.toOctalString(file.permissions));
    }
    if (file.uid != 0) {
      to.put("http.uid", Integer.toString(file.uid));
    }
    if (file.gid != 0) {
      to.put("http.gid", Integer.toString(file.gid));
    }
  }

  // ---- combining

  /** Lays filesystems over each other, the last uppermost. */
  public static State merge(List<State> states, ConstraintsOption... options) {
    List<State> present = states.stream().filter(state -> !state.isScratch()).toList();
    if (present.isEmpty()) {
      return scratch();
    }
    State first = present.getFirst();
    if (present.size() == 1) {
      return first;
    }
    List<Output> outputs = new ArrayList<>();
    present.forEach(state -> state.output().ifPresent(outputs::add));
    return first.withOutput(
        Optional.of(Output.first(new MergeVertex(outputs, Constraints.of(options)))));
  }

  /** What the upper filesystem has beyond the lower one. */
  public static State diff(State lower, State upper, ConstraintsOption... options) {
    if (lower.isScratch()) {
      return upper;
    }
    return lower.withOutput(
        Optional.of(
            Output.first(new DiffVertex(lower.output(), upper.output(), Constraints.of(options)))));
  }

  // ---- options of steps and states

  public static StateOption args(String... args) {
    List<String> fixed = List.of(args);
    return state -> state.args(fixed);
  }

  /** A command line, split into words as a shell does. */
  public static StateOption shlex(String command) {
    List<String> words = Shlex.split(command);
    return state -> state.args(words);
  }

  /** A command for the shell. */
  public static StateOption shell(String script) {
    return args("/bin/sh", "-c", script);
  }

  public static StateOption addEnv(String key, String value) {
    return state -> state.addEnv(key, value);
  }

  public static StateOption dir(String dir) {
    return state -> state.dir(dir);
  }

  public static StateOption user(String user) {
    return state -> state.user(user);
  }

  public static StateOption hostname(String hostname) {
    return state -> state.hostname(hostname);
  }

  public static StateOption cgroupParent(String parent) {
    return state -> state.cgroupParent(parent);
  }

  public static StateOption network(NetworkMode mode) {
    return state -> state.network(mode);
  }

  public static StateOption security(Isolation mode) {
    return state -> state.security(mode);
  }

  public static StateOption addExtraHost(String host, String ip) {
    return state -> state.addExtraHost(host, ip);
  }

  public static StateOption addUlimit(String name, long soft, long hard) {
    return state -> state.addUlimit(name, soft, hard);
  }

  public static StateOption validExitCodes(Integer... codes) {
    List<Integer> fixed = List.of(codes);
    return state -> state.validExitCodes(fixed);
  }

  public static StateOption reset(State other) {
    return state -> state.reset(other);
  }

  /** See {@link State#build}. */
  public static StateOption build(String filename) {
    return state -> state.build(filename);
  }

  public static RunOption readonlyRootFs() {
    return run -> run.readonlyRootFs = true;
  }

  public static RunOption addMount(String target, State source, MountOption... options) {
    return run -> run.mounts.add(new RunSpec.MountRequest(target, source, List.of(options)));
  }

  public static RunOption proxy(ProxyVariables proxy) {
    return run -> run.proxy = Optional.of(proxy);
  }

  public static RunOption addDevice(String name, boolean optional) {
    return run ->
        run.devices.add(CDIDevice.newBuilder().setName(name).setOptional(optional).build());
  }

  /** A secret as a file, by default with the id of that name. */
  public static RunOption addSecret(String target, SecretOption... options) {
    return run -> {
      RunSpec.Secret secret = new RunSpec.Secret(target, Optional.of(target));
      for (SecretOption option : options) {
        option.applyTo(secret);
      }
      run.secrets.add(secret);
    };
  }

  public static SecretOption secretId(String id) {
    return secret -> secret.id = id;
  }

  /** The secret as a variable of the environment that has the name of the file. */
  public static SecretOption secretAsEnv() {
    return secret -> {
      if (secret.target.isPresent()) {
        secret.environment = secret.target;
        secret.target = Optional.empty();
      }
    };
  }

  public static SecretOption secretAsEnvName(String name) {
    return secret -> secret.environment = Optional.of(name);
  }

  public static SecretOption secretFile(int uid, int gid, int mode) {
    return secret -> {
      secret.uid = uid;
      secret.gid = gid;
      secret.mode = mode;
    };
  }

  public static SecretOption secretOptional() {
    return secret -> secret.optional = true;
  }

  public static RunOption addSshSocket(SshOption... options) {
    return run -> {
      RunSpec.Ssh ssh = new RunSpec.Ssh();
      for (SshOption option : options) {
        option.applyTo(ssh);
      }
      run.ssh.add(ssh);
    };
  }

  public static SshOption sshId(String id) {
    return ssh -> ssh.id = id;
  }

  public static SshOption sshTarget(String target) {
    return ssh -> ssh.target = target;
  }

  public static SshOption sshSocket(String target, int uid, int gid, int mode) {
    return ssh -> {
      ssh.target = target;
      ssh.uid = uid;
      ssh.gid = gid;
      ssh.mode = mode;
    };
  }

  public static SshOption sshOptional() {
    return ssh -> ssh.optional = true;
  }

  // ---- options of mounts

  public static MountOption readonly() {
    return mount -> mount.readonly = true;
  }

  /** Only a part of the source. */
  public static MountOption sourcePath(String path) {
    return mount -> mount.selector = path;
  }

  public static MountOption forceNoOutput() {
    return mount -> mount.noOutput = true;
  }

  public static MountOption tmpfs(long size) {
    return mount -> {
      mount.tmpfs = true;
      mount.tmpfsSize = size;
    };
  }

  /** A directory that stays from build to build. */
  public static MountOption asPersistentCacheDir(String id, CacheSharing sharing) {
    return mount -> {
      mount.cacheId = id;
      mount.cacheSharing = sharing;
    };
  }

  public static MountOption contentCache(MountContentCache cache) {
    return mount -> mount.contentCache = cache;
  }

  // ---- file actions

  public static FileAction mkdir(String path, int mode) {
    return FileAction.mkdir(path, mode, FileAction.Make.DEFAULT);
  }

  public static FileAction mkdir(String path, int mode, FileAction.Make options) {
    return FileAction.mkdir(path, mode, options);
  }

  public static FileAction mkfile(String path, int mode, String content) {
    return mkfile(path, mode, content.getBytes(StandardCharsets.UTF_8), FileAction.Make.DEFAULT);
  }

  public static FileAction mkfile(String path, int mode, byte[] data, FileAction.Make options) {
    return FileAction.mkfile(path, mode, data, options);
  }

  public static FileAction symlink(String oldPath, String newPath) {
    return FileAction.symlink(oldPath, newPath, FileAction.Make.DEFAULT);
  }

  public static FileAction symlink(String oldPath, String newPath, FileAction.Make options) {
    return FileAction.symlink(oldPath, newPath, options);
  }

  public static FileAction rm(String path) {
    return FileAction.rm(path, false, false);
  }

  public static FileAction rm(String path, boolean allowNotFound, boolean allowWildcard) {
    return FileAction.rm(path, allowNotFound, allowWildcard);
  }

  public static FileAction copy(State from, String source, String destination) {
    return copy(from, source, destination, FileAction.CopyOptions.DEFAULT);
  }

  public static FileAction copy(
      State from, String source, String destination, FileAction.CopyOptions options) {
    return FileAction.copy(new FileAction.Origin.Of(from), source, destination, options);
  }

  // ---- constraints

  public static ConstraintsOption platform(Platform platform) {
    return constraints -> constraints.platform = platform;
  }

  public static ConstraintsOption ignoreCache() {
    return constraints -> constraints.ignoreCache = true;
  }

  public static ConstraintsOption description(Map<String, String> description) {
    Map<String, String> fixed = Map.copyOf(description);
    return constraints -> constraints.description.putAll(fixed);
  }

  /** The name under which progress shows the step. */
  public static ConstraintsOption customName(String name) {
    return description(Map.of("llb.customname", name));
  }

  public static ConstraintsOption exportCache(boolean export) {
    return constraints -> constraints.exportCache = export;
  }

  public static ConstraintsOption progressGroup(String id, String name, boolean weak) {
    return constraints ->
        constraints.progressGroup =
            ProgressGroup.newBuilder().setId(id).setName(name).setWeak(weak).build();
  }

  /** Only workers that match the filters. */
  public static ConstraintsOption require(String... filters) {
    List<String> fixed = List.of(filters);
    return constraints -> constraints.workerFilters.addAll(fixed);
  }

  public static ConstraintsOption memoryLimit(long bytes) {
    return constraints -> constraints.resources().setMemory(bytes);
  }

  public static ConstraintsOption memorySwapLimit(long bytes) {
    return constraints -> constraints.resources().setMemorySwap(bytes);
  }

  public static ConstraintsOption cpuShares(long shares) {
    return constraints -> constraints.resources().setCpuShares(shares);
  }

  public static ConstraintsOption cpuQuota(long period, long quota) {
    return constraints -> constraints.resources().setCpuPeriod(period).setCpuQuota(quota);
  }

  public static ConstraintsOption cpusets(String cpus, String memories) {
    return constraints -> constraints.resources().setCpusetCpus(cpus).setCpusetMems(memories);
  }

  // ---- options of sources

  public static ImageOption metaResolver(ImageMetaResolver resolver) {
    return image -> image.resolver = Optional.of(resolver);
  }

  /** As {@link #metaResolver}, and names the image by the digest found. */
  public static ImageOption resolveDigest(ImageMetaResolver resolver) {
    return image -> {
      image.resolver = Optional.of(resolver);
      image.resolveDigest = true;
    };
  }

  public static ImageOption markImageInternal() {
    return image -> image.recordType = "internal";
  }

  /** The image is a frontend; so users read in {@code du}. */
  public static ImageOption markImageFrontend() {
    return image -> image.recordType = "frontend";
  }

  public static ImageOption layerLimit(int limit) {
    return image -> image.layerLimit = OptionalInt.of(limit);
  }

  public static ImageOption imageChecksum(Digest digest) {
    return image -> image.checksum = digest.toString();
  }

  public static GitOption keepGitDir() {
    return git -> git.keepGitDir = true;
  }

  public static GitOption gitRef(String ref) {
    return git -> git.ref = ref;
  }

  public static GitOption gitSubdir(String directory) {
    return git -> git.subdir = directory;
  }

  public static GitOption gitChecksum(String commit) {
    return git -> git.checksum = commit;
  }

  public static GitOption gitSkipSubmodules() {
    return git -> git.skipSubmodules = true;
  }

  /** {@code checkout} or {@code commit}. */
  public static GitOption gitMtime(String policy) {
    return git -> git.mtime = policy;
  }

  public static GitOption gitFetchByCommit() {
    return git -> git.fetchByCommit = true;
  }

  public static GitOption authTokenSecret(String secret) {
    return git -> {
      git.authTokenSecret = secret;
      git.authCap = true;
    };
  }

  public static AuthHeaderOption authHeaderSecret(String secret) {
    return new AuthHeaderOption(secret);
  }

  public static GitOption knownSshHosts(String hosts) {
    String line = hosts.endsWith("\n") ? hosts : hosts + "\n";
    return git -> git.knownSshHosts += line;
  }

  public static GitOption mountSshSock(String sshId) {
    return git -> git.mountSshSock = sshId;
  }

  public static HttpOption checksum(Digest digest) {
    return http -> http.checksum = digest.toString();
  }

  /**
   * The file has to have this detached OpenPGP signature, made by one of the keys; all in ASCII
   * armour.
   */
  public static HttpOption pgpSignature(String keys, String signature) {
    return http -> {
      http.signatureKeys = keys;
      http.signature = signature;
    };
  }

  public static HttpOption header(String accept, String userAgent) {
    return http -> {
      http.accept = accept;
      http.userAgent = userAgent;
      http.header = true;
    };
  }

  public static FileInfoOption filename(String name) {
    return file -> file.name = name;
  }

  public static FileInfoOption chmod(int permissions) {
    return file -> file.permissions = permissions & 0777;
  }

  public static FileInfoOption chown(int uid, int gid) {
    return file -> {
      file.uid = uid;
      file.gid = gid;
    };
  }

  public static LocalOption sessionId(String id) {
    return local -> local.sessionId = id;
  }

  public static LocalOption includePatterns(List<String> patterns) {
    return local -> local.includePatterns = json(patterns);
  }

  public static LocalOption excludePatterns(List<String> patterns) {
    return local -> local.excludePatterns = json(patterns);
  }

  public static LocalOption followPaths(List<String> paths) {
    return local -> local.followPaths = json(paths);
  }

  public static LocalOption sharedKeyHint(String hint) {
    return local -> local.sharedKeyHint = hint;
  }

  /** {@code none} or {@code metadata}. */
  public static LocalOption differ(String type, boolean required) {
    return local -> {
      local.differ = type;
      local.differRequired = required;
    };
  }

  /** Transfers only the files' metadata, but for the exceptions. */
  public static LocalOption metadataOnly(List<String> exceptions) {
    return local -> {
      local.metadataOnly = true;
      local.metadataExceptions = json(exceptions);
    };
  }

  public static OciLayoutOption ociStore(String sessionId, String storeId) {
    return layout -> {
      layout.sessionId = sessionId;
      layout.storeId = storeId;
    };
  }

  public static OciLayoutOption ociLayerLimit(int limit) {
    return layout -> layout.layerLimit = OptionalInt.of(limit);
  }

  public static BlobOption blobStore(String sessionId, String storeId) {
    return blob -> {
      blob.sessionId = sessionId;
      blob.storeId = storeId;
    };
  }

  private static String json(List<String> texts) {
    if (texts.isEmpty()) {
      return "";
    }
    StringBuilder out = new StringBuilder("[");
    for (String text : texts) {
      GoJson.quote(out.length() > 1 ? out.append(',') : out, text);
    }
    return out.append(']').toString();
  }
}
