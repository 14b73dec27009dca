package dev.buildd.frontend.dockerfile.convert;

import dev.buildd.base.concurrent.Scope;
import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import dev.buildd.frontend.dockerfile.context.Images;
import dev.buildd.frontend.dockerfile.context.NamedContext;
import dev.buildd.frontend.dockerfile.expand.Environment;
import dev.buildd.frontend.dockerfile.image.ImageConfig;
import dev.buildd.frontend.dockerfile.image.ImageConfigJson;
import dev.buildd.frontend.dockerfile.image.ImageDraft;
import dev.buildd.frontend.dockerfile.lint.Violations;
import dev.buildd.frontend.dockerfile.source.DockerfileException;
import dev.buildd.frontend.dockerfile.source.Suggestions;
import dev.buildd.gateway.ImageRequest;
import dev.buildd.llb.ImageName;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

/** What stages begin with (section 4.3). Images are asked for side by side. */
final class BaseResolver {
  private static final List<String> COMMON_IMAGES =
      List.of("alpine", "busybox", "centos", "debian", "golang", "ubuntu", "fedora");

  private final Shared shared;
  private final StageList stages;

  BaseResolver(Shared shared, StageList stages) {
    this.shared = shared;
    this.stages = stages;
  }

  /** Finds out the bases that are not known yet; of stages that nothing needs only the name. */
  void resolve(Set<BuildStage> needed) throws Exception {
    List<Callable<Boolean>> work = new ArrayList<>();
    for (BuildStage stage : stages.all()) {
      if (stage.base.isPresent() || stage.done || stage.resolved) {
        continue;
      }
      boolean wanted = needed.contains(stage) || shared.request().allStages();
      stage.resolved = wanted;
      if (stage.baseName.equals(BuildStage.SCRATCH) && stage.replacement.isEmpty()) {
        beginEmpty(stage);
      } else {
        work.add(() -> resolve(stage, wanted));
      }
    }
    if (!work.isEmpty()) {
      Scope.all("resolve base", work);
    }
  }

  private void beginEmpty(BuildStage stage) {
    Platform target = shared.platforms().target();
    stage.state = Llb.scratch();
    stage.image = new ImageDraft(ImageConfig.scratch(target));
    stage.platform = Optional.of(target);
    stage.done |= stage.isAnonymous();
  }

  private boolean resolve(BuildStage stage, boolean wanted) throws InterruptedException {
    try {
      resolveAt(stage, wanted);
      return true;
    } catch (DockerfileException e) {
      throw e.at(stage.location());
    } catch (BuildException e) {
      throw new DockerfileException(String.valueOf(e.getMessage()), List.of(stage.location()), e);
    } finally {
      stage.done |= stage.isAnonymous();
    }
  }

  private void resolveAt(BuildStage stage, boolean wanted) throws InterruptedException {
    String written = stage.baseName;
    ImageName name = name(written);
    Platform platform = stage.platformOr(shared.platforms().target());
    stage.baseName = name.tagged().toString();
    if (wanted && stage.replacement.isPresent()) {
      replace(stage, stage.replacement.get());
      return;
    }
    boolean empty = false;
    if (wanted) {
      Optional<NamedContext> replacement =
          FromConversion.replacement(
              shared.request(), shared.platforms(), stage.baseName, Optional.of(platform), stage);
      if (replacement.isPresent()) {
        replaceImage(stage, replacement.get(), platform);
        return;
      }
      empty = ask(stage, written, name, platform);
    }
    stage.state = empty ? Llb.scratch() : image(stage, platform);
    if (wanted && !empty) {
      checkPlatform(stage, written, platform);
    }
    stage.platform = Optional.of(platform);
  }

  private static ImageName name(String written) {
    try {
      return ImageName.parse(written);
    } catch (BuildException e) {
      throw new DockerfileException(
          "failed to parse stage name \"" + written + "\": " + e.getMessage(), List.of(), e);
    }
  }

  /** Another filesystem takes the place of the whole stage. */
  private static void replace(BuildStage stage, NamedContext replacement)
      throws InterruptedException {
    NamedContext.Loaded loaded = replacement.load();
    stage.done = true;
    stage.state = loaded.state();
    loaded
        .config()
        .map(ImageConfig::withoutCreated)
        .ifPresent(config -> {
          stage.image = new ImageDraft(config);
          if (!config.platform().architecture().isEmpty() && !config.platform().os().isEmpty()) {
            stage.platform = Optional.of(config.platform());
          }
        });
  }

  private static void replaceImage(BuildStage stage, NamedContext replacement, Platform platform)
      throws InterruptedException {
    NamedContext.Loaded loaded = replacement.load();
    ImageConfig config = loaded.config().orElseGet(() -> ImageConfig.scratch(platform));
    stage.baseImage = Optional.of(config);
    stage.image = new ImageDraft(config.withoutCreated());
    stage.state = loaded.state().platform(platform);
    stage.platform = Optional.of(platform);
  }

  /**
   * Asks for the image's configuration.
   *
   * @return whether the image is only a name for the empty filesystem
   */
  private boolean ask(BuildStage stage, String written, ImageName name, Platform platform)
      throws InterruptedException {
    Images.Found.Image found = find(stage.baseName, written, platform);
    ImageName used = name;
    if (!found.reference().equals(name.toString())) {
      used = name(found.reference());
    }
    if (!found.digest().isEmpty()) {
      used = used.withDigest(found.digest());
    }
    stage.baseName = used.toString();
    ImageConfig config = ImageConfigJson.read(found.config());
    stage.baseImage = Optional.of(config);
    stage.image = new ImageDraft(config.withoutCreated());
    return config.hasNoLayers();
  }

  private Images.Found.Image find(String reference, String written, Platform platform)
      throws InterruptedException {
    boolean several = shared.request().options().multiPlatform();
    ImageRequest request =
        new ImageRequest(
            reference,
            Optional.of(platform),
            shared.request().options().imageResolveMode(),
            "["
                + (several ? Platforms.format(platform) + " " : "")
                + "internal] load metadata for "
                + reference,
            Optional.empty());
    try {
      return switch (shared.request().origins().images().find(request)) {
        case Images.Found.Image image -> image;
        case Images.Found.Other other ->
            throw new DockerfileException(
                "ref mutated by policy to non-image: " + other.identifier());
      };
    } catch (BuildException e) {
      throw new DockerfileException(
          written + ": " + e.getMessage() + Suggestions.hint(written, suggestions()), List.of(), e);
    }
  }

  private List<String> suggestions() {
    return Stream.concat(
            stages.names().stream(),
            COMMON_IMAGES.stream()
                .flatMap(name ->
                    Stream.of(
                        name,
                        "docker.io/library" + name, // so written in BuildKit
                        name + ":latest",
                        "docker.io/library" + name + ":latest")))
        .toList();
  }

  private State image(BuildStage stage, Platform platform) {
    return Llb.image(
        stage.baseName,
        Shared.command(stage.written().origin().text()),
        Llb.platform(platform),
        shared.request().options().imageResolveMode(),
        Llb.customName(
            shared
                .names()
                .next(
                    stage,
                    "FROM " + stage.baseName,
                    Optional.of(platform),
                    Environment.EMPTY,
                    false)),
        shared.location(stage.location()));
  }

  private void checkPlatform(BuildStage stage, String written, Platform wanted) {
    Platform actual = stage.image.platform();
    if (!wanted.os().equals(actual.os()) || !wanted.architecture().equals(actual.architecture())) {
      shared
          .linter()
          .report(
              Violations.invalidBaseImagePlatform(
                  written,
                  Platforms.format(actual.normalized()),
                  Platforms.format(wanted.normalized())),
              stage.location());
    }
  }
}
