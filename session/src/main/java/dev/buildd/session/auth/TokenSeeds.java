package dev.buildd.session.auth;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.json.Json;
import dev.buildd.base.linux.Linux;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A secret of the user's for each registry, in the file {@code .token_seed} that all clients of
 * this user share: without it a daemon could choose what is signed.
 */
public final class TokenSeeds {
  private static final int BYTES = 16;
  private static final int LOCK_TRIES = 100;
  private static final long LOCK_PAUSE_MILLIS = 20;

  private final Path directory;
  private final Map<String, byte[]> known = new HashMap<>(); // guarded by this

  /**
   * @param directory made if need be
   */
  public TokenSeeds(Path directory) {
    this.directory = directory;
  }

  /** The seed for a registry, the same in all clients as long as the directory can be written. */
  synchronized byte[] seed(String host) throws IOException, InterruptedException {
    byte[] before = known.get(host);
    if (before != null) {
      return before.clone();
    }
    byte[] seed = shared(host);
    known.put(host, seed);
    return seed.clone();
  }

  private byte[] shared(String host) throws IOException, InterruptedException {
    int lock = -1;
    try {
      Files.createDirectories(directory);
      lock = lock();
      return readOrMake(host);
    } catch (FileSystemException e) {
      return random(); // read-only: this client stays alone
    } finally {
      if (lock >= 0) {
        Linux.close(lock);
      }
    }
  }

  private int lock() throws InterruptedException {
    int fd = -1;
    try {
      Path file = directory.resolve(".token_seed.lock");
      fd = Linux.open(file, Linux.O_RDWR | Linux.O_CREAT | Linux.O_CLOEXEC, 0600);
      for (int i = 0; i < LOCK_TRIES; i++) {
        if (Linux.tryLock(fd)) {
          return fd;
        }
        Thread.sleep(LOCK_PAUSE_MILLIS);
      }
    } catch (IOException e) {
      // as without a lock: at worst two clients make a seed each, and one of them stays
    }
    return fd;
  }

  private byte[] readOrMake(String host) throws IOException {
    Path file = directory.resolve(".token_seed");
    Map<String, Object> all = new LinkedHashMap<>();
    try {
      all.putAll(Json.parseObject(Files.readAllBytes(file), file.toString()));
      byte[] seed = Base64.getDecoder().decode(Json.text(Json.object(all, host), "Seed"));
      if (seed.length > 0) {
        return seed;
      }
    } catch (NoSuchFileException e) {
      // the first
    } catch (BuildException | IllegalArgumentException e) {
      // somebody crashed while writing it
    }
    byte[] seed = random();
    all.put(host, Map.of("Seed", Base64.getEncoder().encodeToString(seed)));
    Path made =
        Files.createTempFile(
            directory,
            ".token_seed",
            ".tmp",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try {
      Files.write(made, Json.indented(all));
      Files.move(made, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(made);
    }
    return seed;
  }

  private static byte[] random() {
    byte[] out = new byte[BYTES];
    new SecureRandom().nextBytes(out);
    return out;
  }
}
