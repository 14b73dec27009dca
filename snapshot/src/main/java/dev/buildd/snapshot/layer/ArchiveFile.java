package dev.buildd.snapshot.layer;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.io.BlockInput;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.linux.TreeFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A tar archive in a file, plain or compressed by gzip, zstd, bzip2 or xz. The latter two are left
 * to the programs of those names.
 */
public final class ArchiveFile {
  private static final byte[] BZIP2 = {'B', 'Z', 'h'};
  private static final byte[] XZ = {(byte) 0xfd, '7', 'z', 'X', 'Z', 0};

  private ArchiveFile() {}

  /** Whether it is a regular file that begins as an archive with at least one file in it. */
  public static boolean isArchive(Path file) throws IOException {
    Stat stat = Linux.tryLstat(file);
    if (stat == null || !stat.isRegular()) {
      return false;
    }
    try (InputStream in = open(file)) {
      return new TarReader(in).next().isPresent();
    } catch (NoProgramException e) {
      // to leave an archive as it is would be to do something else than was asked
      throw new BuildException(
          Category.FAILED_PRECONDITION,
          file.getFileName() + " cannot be unpacked: " + e.getMessage(),
          e);
    } catch (IOException | BuildException e) {
      return false; // whatever else it may be, it is to be taken as it is
    }
  }

  /**
   * Unpacks it into a directory, as if that were the root: nothing that the archive names lies
   * outside.
   *
   * @param owner of all its files; empty to keep theirs
   */
  public static void unpack(Path file, Path directory, Optional<LayerApplier.Ids> owner)
      throws IOException, InterruptedException {
    try (InputStream in = open(file)) {
      LayerApplier.unpack(new TarReader(in), directory, owner);
    }
  }

  private static InputStream open(Path file) throws IOException {
    Optional<String> program;
    try (InputStream in = TreeFiles.read(file)) {
      program = program(in.readNBytes(XZ.length));
    }
    if (program.isPresent()) {
      return new Decompressed(program.get(), file);
    }
    InputStream whole = TreeFiles.read(file);
    try {
      return Compression.decompress(whole);
    } catch (IOException e) {
      whole.close();
      throw e;
    }
  }

  private static Optional<String> program(byte[] start) {
    if (begins(start, BZIP2)) {
      return Optional.of("bzip2");
    }
    return begins(start, XZ) ? Optional.of("xz") : Optional.empty();
  }

  private static boolean begins(byte[] start, byte[] magic) {
    return start.length >= magic.length
        && java.util.Arrays.equals(start, 0, magic.length, magic, 0, magic.length);
  }

  private static final class NoProgramException extends IOException {
    private static final long serialVersionUID = 1L;

    NoProgramException(String program, IOException cause) {
      super("the daemon finds no program " + program, cause);
    }
  }

  /** What a program makes of a file. */
  private static final class Decompressed extends BlockInput {
    private final String program;
    private final Process process;
    private final InputStream in;

    Decompressed(String program, Path file) throws IOException {
      this(program, start(program, file));
    }

    private Decompressed(String program, Process process) {
      this.program = program;
      this.process = process;
      this.in = process.getInputStream();
    }

    private static Process start(String program, Path file) throws IOException {
      try (TreeFiles.PathHandle held = TreeFiles.hold(file)) {
        return new ProcessBuilder(program, "-d", "-c")
            .redirectInput(held.path().toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
      } catch (IOException e) {
        throw new NoProgramException(program, e);
      }
    }

    @Override
    public int read(byte[] to, int at, int length) throws IOException {
      int n = in.read(to, at, length);
      if (n < 0) {
        checkExit();
      }
      return n;
    }

    private void checkExit() throws IOException {
      try {
        int code = process.waitFor();
        if (code != 0) {
          throw new IOException(program + " failed with exit code " + code);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException(program + " was interrupted");
      }
    }

    @Override
    public void close() throws IOException {
      process.destroyForcibly();
      in.close();
    }
  }
}
