package dev.buildd.examples;

import dev.buildd.llb.ExecState;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import java.util.Map;

/** A build that makes the definition of another build, which is then built too. */
public final class NestedLlb {
  private static final String GENERATOR =
      "https://gist.githubusercontent.com/tonistiigi/03b4049f8cc3de059bd2a1a1d8643714/raw/"
          + "b5960995d570d8c6d94db527e805edc6d5854268/buildprs.go";

  private NestedLlb() {}

  public static void main(String[] args) throws Exception {
    Example.run(args, Map.of(), NestedLlb::build);
  }

  static State build(Example flags) {
    String repository = "github.com/moby/buildkit";
    ExecState generate =
        GoBuilds.base()
            .run(Llb.shlex("apk add --no-cache curl"))
            .run(Llb.shlex("curl -o /buildprs.go \"" + GENERATOR + "\""))
            .run(Llb.shlex("sh -c \"go run /buildprs.go > /out/buildkit.llb.definition\""));
    generate.addMount("/go/src/" + repository, Llb.git(repository, "master"));
    State built = generate.addMount("/out", Llb.scratch()).with(Llb.build(""));
    return Llb.image(GoBuilds.ALPINE)
        .run(Llb.shlex("ls -l /out"), Llb.addMount("/out", built, Llb.readonly()));
  }
}
