package dev.buildd.llb;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.buildd.base.content.Digest;
import dev.buildd.base.content.Platform;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The bytes are those that BuildKit's Go client writes. */
class GoldenTest {
  private static final Digest EMPTY = Digest.of("");
  private static final State BUSYBOX = Llb.image("busybox");
  private static final MarshalOptions AMD64 =
      MarshalOptions.defaults(Llb.platform(Platform.of("linux", "amd64")));

  private static Map<String, String> golden() throws Exception {
    Map<String, String> out = new LinkedHashMap<>();
    try (InputStream in = GoldenTest.class.getResourceAsStream("/golden-ops.tsv")) {
      assertThat(in).isNotNull();
      for (String line : new String(in.readAllBytes(), UTF_8).split("\n")) {
        String[] fields = line.split("\t");
        if (fields.length == 3) {
          assertThat(Digest.of(HexFormat.of().parseHex(fields[1])).hex()).isEqualTo(fields[2]);
          out.put(fields[0], fields[1]);
        }
      }
    }
    return out;
  }

  private static State file() {
    return Llb.scratch()
        .file(
            Llb.mkdir("/a", 0755, FileAction.Make.DEFAULT.withParents())
                .mkfile("/a/f", 0644, "hello\n")
                .thenRm("/a/f", true, false)
                .symlink("/a", "/l"));
  }

  private static State merged() {
    return Llb.merge(List.of(BUSYBOX, Llb.scratch().file(Llb.mkdir("/m", 0700))));
  }

  private static State diffed() {
    return Llb.diff(BUSYBOX, BUSYBOX.run(Llb.shlex("touch /z")));
  }

  private static Map<String, List<String>> ours() {
    Map<String, List<String>> out = new LinkedHashMap<>();
    out.put("image", hex(BUSYBOX));
    out.put("exec", hex(BUSYBOX.run(Llb.args("/bin/sh", "-c", "echo hi && true"))));
    out.put(
        "exec shlex cwd env",
        hex(
            BUSYBOX
                .dir("/w")
                .addEnv("A", "0")
                .addEnv("B", "2")
                .user("u")
                .run(Llb.shlex("echo 'hi'"), Llb.addEnv("A", "<1>"))));
    ExecState out2 = BUSYBOX.run(Llb.args("true"), Llb.readonlyRootFs(), Llb.validExitCodes(0, 3));
    out.put("exec ro out", hex(out2.addMount("/out", Llb.scratch())));
    out.put("git", hex(Llb.git("https://github.com/o/r.git", "v1", Llb.keepGitDir())));
    out.put(
        "http",
        hex(Llb.http("http://h/f.txt", Llb.checksum(EMPTY), Llb.filename("f"), Llb.chmod(0600))));
    out.put(
        "local",
        hex(
            Llb.local(
                "context",
                Llb.sessionId("sid"),
                Llb.includePatterns(List.of("a", "b")),
                Llb.excludePatterns(List.of("x")),
                Llb.followPaths(List.of("f")),
                Llb.sharedKeyHint("k"))));
    out.put("mkfile mkdir rm symlink", hex(file()));
    out.put("merge", hex(merged()));
    out.put("diff", hex(diffed()));
    out.put("oci", hex(Llb.ociLayout("store/name@" + EMPTY, Llb.ociStore("sess", "store"))));
    return out;
  }

  private static List<String> hex(State state) {
    List<String> out = new ArrayList<>();
    for (ByteString op : state.marshal(AMD64).ops()) {
      out.add(HexFormat.of().formatHex(op.toByteArray()));
    }
    return out;
  }

  @Test
  void opsAreWrittenAsGoWritesThem() throws Exception {
    Map<String, String> golden = golden();
    assertThat(golden).hasSizeGreaterThanOrEqualTo(14);
    Map<String, List<String>> ours = ours();
    golden.forEach((name, hex) -> {
      String base = name.replaceAll(" (2|\\(terminal\\))$", "");
      assertThat(ours.get(base)).as(name).isNotNull().contains(hex);
    });
  }

  @Test
  void metadataNamesWhatADaemonMustKnow() {
    dev.buildd.proto.pb.Definition definition =
        BUSYBOX
            .run(
                Llb.shell("true"),
                Llb.addMount("/src", Llb.local("src"), Llb.readonly(), Llb.sourcePath("/x")),
                Llb.addSecret("/run/secrets/s", Llb.secretId("s")),
                Llb.customName("a name"),
                Llb.ignoreCache())
            .marshal(AMD64)
            .toProto();
    assertThat(definition.getDefCount()).isEqualTo(4);
    String exec = Digest.of(definition.getDef(2).toByteArray()).toString();
    assertThat(definition.getMetadataOrThrow(exec).getCapsMap().keySet())
        .containsExactlyInAnyOrder(
            "exec.meta.base", "exec.mount.bind", "exec.mount.selector", "exec.mount.secret");
    assertThat(definition.getMetadataOrThrow(exec).getDescriptionMap())
        .containsEntry("llb.customname", "a name");
    String terminal = Digest.of(definition.getDef(3).toByteArray()).toString();
    assertThat(definition.getMetadataOrThrow(terminal).getCapsMap().keySet())
        .containsExactlyInAnyOrder(
            "constraints", "platform", "meta.ignorecache", "meta.description");
    assertThat(definition.getSource().getLocationsCount()).isEqualTo(3);
  }

  @Test
  void aChainOfThousandsOfStepsIsWrittenWithoutRecursion() {
    State state = Llb.scratch();
    for (int i = 0; i < 20_000; i++) {
      state = state.file(Llb.mkdir("/d" + i, 0755));
    }
    assertThat(state.marshal(AMD64).ops()).hasSize(20_001);
  }

  @Test
  void seedEncodingGivesTheSeedsDigests() {
    MarshalOptions seed = AMD64.withEncoding(Encoding.SEED);
    assertThat(Llb.image("alpine").marshal(seed).head())
        .contains("sha256:0e6b31ceed3e6dc542018f35a53a0e857e6a188453d32a2a5bbe7aa2971c1220");
    State golang =
        Llb.image("docker.io/library/golang:1.9-alpine")
            .addEnv(
                "PATH",
                "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .addEnv("GOPATH", "/go");
    assertThat(golang.run(Llb.shlex("apk add --no-cache g++ linux-headers")).marshal(seed).head())
        .contains("sha256:a1f0367cc85dee8f0dfa492aee1db7a1a5189a2c2a08da6680282773197390a8");
    assertThat(Llb.git("github.com/moby/buildkit", "master").marshal(seed).head())
        .contains("sha256:e4d19a3ae4178ea612d55f7f6141a262d54b8f5da2d564f43bccb4ad33ce5122");
    assertThat(
            Llb.git(
                    "github.com/containerd/containerd",
                    "4af5f657526a8aa5eedef734f5f29152031b1d3a",
                    Llb.keepGitDir())
                .marshal(seed)
                .head())
        .contains("sha256:93b55b8641472a41df6dc338b88a892d6fc74272c622e294aa691e255c30a127");
    assertThat(Llb.local("context").marshal(seed).head())
        .contains("sha256:a60212791641cbeaa3a49de4f7dff9e40ae50ec19d1be9607232037c1db16702");
  }

  @Test
  void namesAreFilledIn() {
    assertThat(ImageName.parse("busybox").tagged()).hasToString("docker.io/library/busybox:latest");
    assertThat(ImageName.parse("localhost:5000/a/b:1").tagged())
        .hasToString("localhost:5000/a/b:1");
    assertThat(ImageName.parse("a/b@" + EMPTY).tagged()).hasToString("docker.io/a/b@" + EMPTY);
    assertThat(Shlex.split("a 'b c' \"d \\\" e\" f\\ g # h"))
        .containsExactly("a", "b c", "d \" e", "f g");
  }
}
