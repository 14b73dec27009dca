package dev.buildd.solver.source.git;

import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileTree;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.text.Ids;
import dev.buildd.snapshot.LayerFiles;
import dev.buildd.solver.compatibility.CompatibilityVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The files of one state of a repository, as a request wants them.
 *
 * @param request with the ref named
 * @param bare the repository that has the state
 * @param object the commit, or the annotated tag
 * @param wanted the name by which the repository knows the state
 */
record WorkTree(
    GitSource.Request request, Git bare, Path bareDirectory, String object, String wanted) {
  /** Fills an empty directory, which is the tree's root from then on. */
  void fill(Path target, CompatibilityVersion version) throws Exception {
    String subdir = request.url().subdir();
    Path tree = subdir.isEmpty() ? target : Files.createTempDirectory(target, "checkout");
    Git git;
    if (request.keepGitDirectory() && subdir.isEmpty()) {
      git = cloneInto(target);
    } else {
      git = bare.withWorkTree(tree);
      try {
        git.run("checkout", "--no-overlay", wanted, "--", ".");
      } catch (Git.Failure e) {
        throw e.during("failed to checkout remote " + request.url().shown());
      }
    }
    if (!request.skipSubmodules()) {
      try {
        submodules(git);
      } catch (Git.Failure e) {
        throw e.during("failed to update submodules for " + request.url().shown());
      }
    }
    if (!subdir.isEmpty()) {
      moveOut(tree, subdir, target);
    }
    if (request.commitTimes()) {
      String seconds = git.run("log", "-1", "--format=%ct", wanted + "^{commit}");
      setTimes(target, Long.parseLong(seconds.strip()) * 1_000_000_000L);
    }
    if (version == CompatibilityVersion.V0_13) {
      makeWritableByAll(target);
    }
  }

  private void submodules(Git git) throws Exception {
    try {
      updateSubmodules(git);
    } catch (Git.Failure e) {
      Path known = bareDirectory.resolve("modules");
      if (!Linux.exists(known)) {
        throw e;
      }
      // the repository, which builds share, may know a submodule by an older address, or another
      // one at its path
      git.run("submodule", "deinit", "--force", "--all");
      FileTree.delete(known);
      updateSubmodules(git);
    }
  }

  private static void updateSubmodules(Git git) throws Exception {
    git.run("submodule", "update", "--init", "--recursive", "--depth=1");
  }

  /** A work tree with a repository of its own, as a user's clone has. */
  private Git cloneInto(Path target) throws Exception {
    Path directory = target.resolve(".git");
    Git git = bare.in(directory).withWorkTree(target);
    if (object.length() == 64) {
      git.run("-c", "init.defaultBranch=master", "init", "--object-format=sha256");
    } else {
      git.run("-c", "init.defaultBranch=master", "init");
    }
    // by the file protocol: a local clone would link to whatever files the repository names
    // (CVE-2022-39253)
    git.run("remote", "add", "origin", "file://" + bareDirectory);
    try {
      git.run("fetch", "-u", "--depth=1", "--", "origin", pulled());
      git.run("checkout", "FETCH_HEAD");
    } catch (Git.Failure e) {
      throw e.during("failed to checkout remote " + request.url().shown());
    }
    git.run("remote", "set-url", "origin", request.url().shown());
    git.run("reflog", "expire", "--all", "--expire=now");
    Files.deleteIfExists(directory.resolve("FETCH_HEAD"));
    return git;
  }

  private String pulled() throws Exception {
    String ref = request.url().ref();
    if (bare.run("cat-file", "-t", wanted).strip().equals("tag")) {
      return ref + ":" + (ref.startsWith("refs/tags/") ? ref : "refs/tags/" + ref);
    }
    if (!ref.equals(wanted)) {
      return wanted + ":" + ref;
    }
    if (GitUrl.isCommit(ref)) {
      String temporary = "refs/buildkit/" + Ids.random();
      bare.run("update-ref", temporary, ref);
      return temporary;
    }
    return ref + ":" + ref;
  }

  /** The subdirectory's content becomes all there is. */
  private static void moveOut(Path tree, String subdir, Path target) throws IOException {
    Path at = tree;
    for (String part : subdir.split("/")) {
      at = at.resolve(part);
      Stat stat = Linux.tryLstat(at);
      if (stat == null) {
        throw BuildException.notFound(
            "invalid subdir "
                + subdir
                + ": failed to lstat \""
                + tree.relativize(at)
                + "\": no such file or directory");
      }
      if (!stat.isDirectory()) { // a symlink would lead anywhere (GHSA-4vrq-3vrq-g6gg)
        throw BuildException.invalid(
            "invalid subdir "
                + subdir
                + ": git subpath \""
                + subdir
                + "\" contains non-directory \""
                + tree.relativize(at)
                + "\"");
      }
    }
    for (Path path : LayerFiles.list(at)) {
      Linux.rename(path, target.resolve(String.valueOf(path.getFileName())), 0);
    }
    FileTree.delete(tree);
  }

  /** What was no program could once be written by everybody. */
  private static void makeWritableByAll(Path directory) throws IOException {
    for (Path entry : LayerFiles.list(directory)) {
      Stat stat = Linux.lstat(entry);
      if (stat.isDirectory()) {
        makeWritableByAll(entry);
      } else if (stat.isRegular() && (stat.permissions() & 0111) == 0) {
        Linux.chmod(entry, stat.permissions() | 0222);
      }
    }
  }

  private static void setTimes(Path path, long nanos) throws IOException {
    if (Linux.lstat(path).isDirectory()) {
      for (Path entry : LayerFiles.list(path)) {
        setTimes(entry, nanos);
      }
    }
    Linux.utimensat(path, nanos, nanos);
  }
}
