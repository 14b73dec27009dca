package dev.buildd.solver.ops;

import dev.buildd.base.concurrent.Threads;
import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.TreeFiles;
import dev.buildd.cache.ImmutableRef;
import dev.buildd.cache.Mounted;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.proto.encoding.GoProtoJson;
import dev.buildd.proto.pb.BuildInput;
import dev.buildd.proto.pb.BuildOp;
import dev.buildd.proto.pb.Definition;
import dev.buildd.solver.graph.CacheMap;
import dev.buildd.solver.graph.Edge;
import dev.buildd.solver.graph.Op;
import dev.buildd.solver.graph.OpContext;
import dev.buildd.solver.graph.SharedResult;
import java.io.FileInputStream;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Solves a definition that an input holds as a file. */
public final class BuildOperation implements Op {
  private static final long LLB_BUILDER = -1;
  private static final String DEFINITION_INPUT = "buildkit.llb.definition";
  private static final String FILENAME = "llbbuild.filename";
  private static final String DEFAULT_FILENAME = "/buildkit.llb.definition";
  private static final long MAX_DEFINITION = 64L << 20;

  private final BuildOp message;
  private final int inputs;
  private final Function<Definition, Edge> loader;

  /**
   * @param loader turns a definition into a graph under the same rules as the one that holds this
   */
  public BuildOperation(BuildOp message, int inputs, Function<Definition, Edge> loader) {
    this.message = message;
    this.inputs = inputs;
    this.loader = loader;
  }

  @Override
  public CacheMap cacheMap(OpContext context, int index) {
    Digest digest =
        CacheDigest.of(
            CacheDigest.Kind.JSON,
            "{\"Type\":\"buildkit.build.v0\",\"Exec\":" + GoProtoJson.toJson(message) + "}");
    return new CacheMap(
        digest, false, Collections.nCopies(inputs, CacheMap.Dependency.WHOLE), true);
  }

  @Override
  public List<SharedResult> exec(OpContext context, List<SharedResult> inputs) throws Exception {
    if (message.getBuilder() != LLB_BUILDER) {
      throw BuildException.invalid("only LLB builder is currently allowed");
    }
    BuildInput input = message.getInputsMap().get(DEFINITION_INPUT);
    if (input == null) {
      throw BuildException.invalid("no llb definition input " + DEFINITION_INPUT + " found");
    }
    if (input.getInput() < 0 || input.getInput() >= inputs.size()) {
      throw BuildException.invalid("invalid index " + input.getInput());
    }
    String file = message.getAttrsOrDefault(FILENAME, DEFAULT_FILENAME);
    Optional<ImmutableRef> ref = RefResult.refOf(inputs.get((int) input.getInput()));
    if (ref.isEmpty()) {
      throw BuildException.notFound("failed to open " + file + ": no such file or directory");
    }
    Definition definition;
    try (Mounted at = ref.get().mount()) {
      definition = Threads.nativeCalls().call(() -> read(at.path(), file));
    }
    return List.of(context.build(loader.apply(definition)).share());
  }

  private static Definition read(Path root, String file) throws Exception {
    try (FileInputStream in = TreeFiles.readIn(root, file)) {
      if (in.getChannel().size() > MAX_DEFINITION) {
        throw BuildException.invalid(file + " is larger than " + MAX_DEFINITION + " bytes");
      }
      return Definition.parseFrom(in.readAllBytes());
    } catch (NotRegularFileException e) {
      throw new BuildException(Category.INVALID_ARGUMENT, file + " is not a regular file", e);
    } catch (LinuxException e) {
      throw new BuildException(
          e.errno() == Errno.ENOENT || e.errno() == Errno.ENOTDIR
              ? Category.NOT_FOUND
              : Category.UNKNOWN,
          "failed to open " + file + ": " + Errno.describe(e.errno()),
          e);
    } catch (com.google.protobuf.InvalidProtocolBufferException e) {
      throw new BuildException(
          Category.INVALID_ARGUMENT, "failed to parse " + file + ": " + e.getMessage(), e);
    }
  }

  @Override
  public boolean takesPermit() {
    return false; // what it solves takes some
  }
}
