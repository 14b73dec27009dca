package dev.buildd.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.client.BuildClient;
import dev.buildd.client.SolveOptions;
import dev.buildd.llb.FileAction;
import dev.buildd.llb.Llb;
import dev.buildd.llb.State;
import dev.buildd.session.filesync.FileSendTarget;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Sockets in directories of clients and in results: nobody can use them, and no build fails. */
@Tag("root")
@Timeout(120)
final class SocketFilesTest {
  @TempDir Path directory;

  private static ServerSocketChannel listen(Path at) throws Exception {
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    return server.bind(UnixDomainSocketAddress.of(at));
  }

  private void build(Machine machine, State state, SolveOptions.Export export, Path context)
      throws Exception {
    try (BuildClient client = machine.client()) {
      client.solve(
          Optional.of(state.marshal()),
          machine.options().withLocalDir("context", context).withExports(export),
          status -> {});
    }
  }

  @Test
  void aSocketAmongTheClientsFilesHurtsNoBuild() throws Exception {
    Path context = directory.resolve("context");
    Files.createDirectories(context.resolve("run"));
    Files.writeString(context.resolve("app"), "app");
    try (ServerSocketChannel socket = listen(context.resolve("run/agent"));
        Machine machine = new Machine(directory)) {
      assertThat(socket.isOpen()).isTrue();
      for (String path : new String[] {"/", "/app", "/run"}) {
        State copied =
            Llb.scratch()
                .file(Llb.copy(Llb.local("context"), path, "/", FileAction.CopyOptions.DEFAULT));
        Path out = directory.resolve("out" + path.replace('/', '-'));
        build(machine, copied, SolveOptions.Export.local(out), context);
        if (path.equals("/app")) {
          assertThat(out.resolve("app")).hasContent("app");
        }
      }
    }
  }

  /** Puts perl, which can make a socket, and what it needs into the steps' root filesystem. */
  private void addPerl() throws Exception {
    Path root = Machine.busybox(directory);
    String perl = "/usr/bin/perl";
    Set<String> files = new TreeSet<>(Set.of(perl));
    Pattern library = Pattern.compile("(/\\S+)\\s+\\(0x");
    library
        .matcher(Programs.run(directory, "ldd", perl))
        .results()
        .forEach(found -> files.add(found.group(1)));
    for (String file : files) {
      Path target = root.resolve(file.substring(1));
      Files.createDirectories(target.getParent());
      Files.copy(Path.of(file), target); // what links lead to
    }
  }

  private SolveOptions.Export archive(String type, String name) {
    return new SolveOptions.Export(
        type,
        Map.of(),
        Optional.of(
            new FileSendTarget.Target.Stream(
                metadata -> Optional.of(Files.newOutputStream(directory.resolve(name))))));
  }

  @Test
  void aSocketThatAStepLeftIsExportedAndCopied() throws Exception {
    Path context = Files.createDirectory(directory.resolve("context"));
    addPerl();
    try (Machine machine = new Machine(directory)) {
      State made =
          Machine.base()
              .run(
                  Llb.args(
                      "/usr/bin/perl",
                      "-e",
                      "mkdir '/o'; open(F,'>/o/f') or die; print F 'x'; close F;"
                          + " socket(S,1,1,0) or die; bind(S,pack('S a*',1,'/o/s')) or die $!"))
              .root();
      State copied =
          Llb.scratch()
              .file(Llb.copy(made, "/o", "/p", FileAction.CopyOptions.DEFAULT.contentsOnly()));
      Path out = directory.resolve("out");
      build(machine, made, SolveOptions.Export.local(out), context);
      assertThat(out.resolve("o/f")).hasContent("x");
      Path copies = directory.resolve("copies");
      build(machine, copied, SolveOptions.Export.local(copies), context);
      assertThat(copies.resolve("p/f")).hasContent("x");
      build(machine, made, archive("tar", "result.tar"), context);
      assertThat(Programs.run(directory, "tar", "-tf", "result.tar")).contains("o/f");
      build(machine, made, archive("oci", "image.tar"), context);
      assertThat(directory.resolve("image.tar")).isNotEmptyFile();
    }
  }
}
