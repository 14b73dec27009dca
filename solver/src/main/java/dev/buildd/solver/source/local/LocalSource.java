package dev.buildd.solver.source.local;

import dev.buildd.base.concurrent.Cleanup;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.json.GoJson;
import dev.buildd.base.linux.GoFileMode;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.pattern.PatternMatcher;
import dev.buildd.base.text.GoBool;
import dev.buildd.cache.CacheManager;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.MutableRef;
import dev.buildd.cache.RefOptions;
import dev.buildd.cache.contenthash.ContentHash;
import dev.buildd.cache.contenthash.FileHash;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.session.Session;
import dev.buildd.session.filesync.FileSync;
import dev.buildd.session.filesync.source.FileStat;
import dev.buildd.session.filesync.source.FileSyncRequest;
import dev.buildd.session.filesync.transfer.ChangeListener;
import dev.buildd.session.filesync.transfer.ReceiveOptions;
import dev.buildd.solver.graph.VertexProgress;
import dev.buildd.solver.source.Source;
import dev.buildd.solver.source.SourceContext;
import dev.buildd.solver.source.SourceKey;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Directories of clients, received through their sessions. What was received stays, so that the
 * next time only changes travel.
 */
public final class LocalSource implements Source {
  private static final String SHARED_KEY = "local.sharedKey";
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final CacheManager cache;

  public LocalSource(CacheManager cache) {
    this.cache = cache;
  }

  @Override
  public Set<String> schemes() {
    return Set.of("local");
  }

  @Override
  public Instance open(String identifier, Map<String, String> attributes, Platform platform) {
    String name = identifier.substring("local://".length());
    String session = attributes.getOrDefault("local.session", "");
    int colon = session.indexOf(':');
    if (colon >= 0) { // a session behind another one, as buildx's named contexts have it
      name = session.substring(0, colon) + "-" + name;
      session = session.substring(colon + 1);
    }
    return new Directory(
        name,
        session,
        new FileSyncRequest(
            name,
            strings(attributes, "local.includepattern"),
            strings(attributes, "local.excludepatterns"),
            strings(attributes, "local.followpaths")),
        attributes.getOrDefault("local.sharedkeyhint", ""),
        attributes.getOrDefault("local.differ", "").equals("none")
            ? ReceiveOptions.Differ.NONE
            : ReceiveOptions.Differ.METADATA,
        flag(attributes, "local.metadatatransfer"),
        strings(attributes, "local.metadatatransferexclude"));
  }

  private static List<String> strings(Map<String, String> attributes, String name) {
    String text = attributes.get(name);
    return text == null ? List.of() : JsonStrings.parse(name, text);
  }

  private static boolean flag(Map<String, String> attributes, String name) {
    String value = attributes.getOrDefault(name, "false");
    return GoBool.parse(value)
        .orElseThrow(
            () -> BuildException.invalid("invalid value for " + name + " \"" + value + "\""));
  }

  private final class Directory implements Instance {
    private final String name;
    private final String session;
    private final FileSyncRequest request;
    private final String sharedKeyHint;
    private final ReceiveOptions.Differ differ;
    private final boolean metadataOnly;
    private final List<String> metadataExceptions;

    Directory(
        String name,
        String session,
        FileSyncRequest request,
        String sharedKeyHint,
        ReceiveOptions.Differ differ,
        boolean metadataOnly,
        List<String> metadataExceptions) {
      this.name = name;
      this.session = session;
      this.request = request;
      this.sharedKeyHint = sharedKeyHint;
      this.differ = differ;
      this.metadataOnly = metadataOnly;
      this.metadataExceptions = metadataExceptions;
    }

    @Override
    public SourceKey key(SourceContext context, int index) {
      String id = session;
      if (id.isEmpty()) {
        id =
            context.sessions().ids().stream()
                .filter(s -> !s.isEmpty())
                .findFirst()
                .orElseThrow(() ->
                    new BuildException(
                        Category.FAILED_PRECONDITION,
                        "could not access local files without session"));
      }
      StringBuilder json = new StringBuilder("{\"SessionID\":");
      GoJson.quote(json, id);
      list(json.append(",\"IncludePatterns\":"), request.includePatterns());
      list(json.append(",\"ExcludePatterns\":"), request.excludePatterns());
      list(json.append(",\"FollowPaths\":"), request.followPaths());
      if (metadataOnly) {
        json.append(",\"MetadataTransfer\":true");
      }
      if (!metadataExceptions.isEmpty()) {
        list(json.append(",\"MetadataExceptions\":"), metadataExceptions);
      }
      json.append('}');
      return new SourceKey(
          "session:" + name + ":" + CacheDigest.of(CacheDigest.Kind.JSON, json.toString()),
          true,
          "");
    }

    private static void list(StringBuilder json, List<String> values) {
      if (values.isEmpty()) {
        json.append("null");
        return;
      }
      for (int i = 0; i < values.size(); i++) {
        GoJson.quote(json.append(i == 0 ? '[' : ','), values.get(i));
      }
      json.append(']');
    }

    @Override
    public Optional<ImmutableRef> fetch(SourceContext context) throws Exception {
      if (!session.isEmpty()) {
        Optional<Session> own = own(context);
        if (own.isPresent()) {
          return Optional.of(receive(own.get(), context.progress()));
        }
      }
      return Optional.of(context.sessions().any(client -> receive(client, context.progress())));
    }

    /** The session that the definition names; if it is gone, others of the build may do. */
    private Optional<Session> own(SourceContext context) throws InterruptedException {
      try {
        return Optional.of(context.sessions().manager().await(session, PATIENCE));
      } catch (BuildException e) {
        if (e.category() != Category.NOT_FOUND) {
          throw e;
        }
        return Optional.empty();
      }
    }

    private ImmutableRef receive(Session client, VertexProgress progress) throws Exception {
      String key =
          name + ":" + sharedKeyHint + ":" + client.sharedKey() + (metadataOnly ? ":metadata" : "");
      MutableRef ref = open(key);
      boolean received = false;
      try {
        ContentHash hash = ref.receive();
        try (Mounted at = ref.mount();
            VertexProgress.Part part = progress.part("transferring " + name + ":")) {
          ReceiveOptions options =
              ReceiveOptions.defaults()
                  .withDiffer(differ)
                  .withListener(new HashUpdater(hash))
                  .withProgress((bytes, done) -> part.update("transferring", bytes, 0));
          if (metadataOnly) {
            options = options.withMetadataOnly(exceptions());
          }
          FileSync.receive(client, request, at.path(), options);
        }
        ImmutableRef result = ref.commit();
        received = true;
        return result;
      } finally {
        if (!received) {
          // what of it was changed is not known; a commit that failed has taken the ref, and a full
          // disk takes no note: what failed first is told
          Cleanup.run("forget " + ref, () -> ref.retain(false));
          ref.close();
        }
      }
    }

    private Predicate<FileStat> exceptions() {
      if (metadataExceptions.isEmpty()) {
        return stat -> false;
      }
      PatternMatcher matcher = PatternMatcher.compile(metadataExceptions);
      return stat -> matcher.matchesOrParentMatches(stat.path());
    }

    private MutableRef open(String key) {
      for (String known : cache.search(SHARED_KEY, key)) {
        try {
          return cache.getMutable(known);
        } catch (BuildException e) {
          if (e.category() != Category.NOT_FOUND && e.category() != Category.FAILED_PRECONDITION) {
            throw e;
          }
        }
      }
      return cache.newMutable(
          Optional.empty(),
          RefOptions.of("local source for " + name)
              .withRecordType(RefOptions.SOURCE_LOCAL)
              .withRetain()
              .withIndex(SHARED_KEY, key));
    }
  }

  /** Enters what is received into the content hash, so that nothing is read again. */
  private record HashUpdater(ContentHash hash) implements ChangeListener {
    @Override
    public MessageDigest begin(String path, FileStat stat) {
      return FileHash.begin(
          new FileHash.Header(
              GoFileMode.toUnix(stat.mode()) | (stat.isSymlink() ? 0777 : 0),
              stat.uid(),
              stat.gid(),
              stat.size(),
              stat.isSymlink() ? stat.linkName() : "",
              stat.devMajor(),
              stat.devMinor(),
              stat.xattrs()));
    }

    @Override
    public void changed(String path, FileStat stat, byte[] digest) {
      hash.put(
          path,
          GoFileMode.toUnix(stat.mode()) & Stat.S_IFMT,
          stat.isSymlink() ? stat.linkName() : "",
          Digest.ofHash(digest),
          stat.isHardlink() ? stat.linkName() : "");
    }

    @Override
    public void removed(String path) {
      hash.remove(path);
    }
  }
}
