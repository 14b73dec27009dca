package dev.buildd.session.filesync.source;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.base.linux.Errno;
import dev.buildd.base.linux.LinuxException;
import dev.buildd.base.linux.NotRegularFileException;
import dev.buildd.base.linux.TreeFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A directory on this machine. */
public final class DirectorySource implements FsSource {
  private final Path root;
  private final StatMapper mapper;

  public DirectorySource(Path root) {
    this(root, StatMapper.IDENTITY);
  }

  /**
   * @param mapper changes what is told of the files, or leaves some out with all below them
   */
  public DirectorySource(Path root, StatMapper mapper) {
    this.root = root;
    this.mapper = mapper;
  }

  Path root() {
    return root;
  }

  @Override
  public void walk(Visitor visitor) throws IOException, InterruptedException {
    TreeWalk walk = new TreeWalk(root);
    for (FileStat stat = walk.next(); stat != null; stat = walk.next()) {
      if (Thread.interrupted()) {
        throw new InterruptedException("walking " + root);
      }
      FileStat mapped = mapper.map(stat);
      if (mapped == null || !visitor.visit(mapped)) {
        walk.skipChildren();
      }
    }
  }

  @Override
  public InputStream open(String path) throws IOException {
    // no link on the way may lead out of the tree, and what is no regular file may block for ever
    try {
      return TreeFiles.readInUnfollowed(root, path);
    } catch (NotRegularFileException e) {
      if (e.isSocket()) {
        return InputStream.nullInputStream(); // as FileStat tells of it
      }
      throw new IOException(
          "open " + root.resolve(path) + ": " + Errno.describe(Errno.EINVAL),
          new BuildException(Category.FAILED_PRECONDITION, "not a regular file", e));
    } catch (LinuxException e) {
      if (e.errno() == Errno.ENOENT || e.errno() == Errno.ENOTDIR) {
        throw new NoSuchFileException(root.resolve(path).toString());
      }
      throw e;
    }
  }
}
