package dev.buildd.cache.contenthash;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.linux.FileNames;
import dev.buildd.base.linux.Linux;
import dev.buildd.base.linux.Stat;
import dev.buildd.base.pattern.GoPath;
import dev.buildd.cache.key.CacheDigest;
import dev.buildd.snapshot.LayerFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a tree of files. Directories are listed and files hashed when first asked for;
 * changes that were received are entered without reading anything. Not safe for use by several
 * threads.
 */
final class HashTree {
  private static final int MAX_LINKS = 255;
  private static final Digest NOTHING = Digest.of(new byte[0]);

  /** Where files are read from. */
  interface Disk {
    Path root() throws IOException;
  }

  /** One file of the tree. */
  static final class Node {
    /** The type in {@code st_mode}'s form; 0 until the file has been looked at. */
    int type;

    @Nullable String link;

    /** Of the file, or of the directory's own metadata. */
    @Nullable Digest own;

    /** Of a directory with all that is in it. */
    @Nullable Digest contents;

    /** Of a directory that has been listed. */
    @Nullable SortedMap<String, Node> children;

    boolean isDirectory() {
      return type == Stat.S_IFDIR;
    }

    boolean isLink() {
      return type == Stat.S_IFLNK;
    }
  }

  /** A path without links in it, and what is there. */
  record Found(String path, @Nullable Node node) {}

  private final Node root;
  private final Map<String, List<String>> hardLinks = new HashMap<>();

  private HashTree(Node root) {
    this.root = root;
  }

  /** The tree of files on disk, none looked at yet. */
  static HashTree onDisk() {
    Node root = new Node();
    root.type = Stat.S_IFDIR;
    return new HashTree(root);
  }

  /** As {@link #onDisk}, of files received from a client, which says nothing of the root itself. */
  static HashTree receivedOnDisk() {
    HashTree tree = onDisk();
    tree.root.own = NOTHING;
    return tree;
  }

  /** An empty tree into which changes are received. */
  static HashTree received() {
    HashTree tree = receivedOnDisk();
    tree.root.children = new TreeMap<>(ByteOrder.INSTANCE);
    return tree;
  }

  Node root() {
    return root;
  }

  // --- reading ---

  /** Where the file at an absolute path is; the root's is empty or a slash. */
  static Path at(Disk disk, String path) throws IOException {
    return path.length() <= 1 ? disk.root() : disk.root().resolve(path.substring(1));
  }

  /**
   * The directory's files; {@code path} is {@code ""} for the root and begins with a slash else.
   */
  static SortedMap<String, Node> children(Node directory, String path, Disk disk)
      throws IOException {
    SortedMap<String, Node> known = directory.children;
    if (known == null) {
      known = new TreeMap<>(ByteOrder.INSTANCE);
      for (Path file : LayerFiles.list(at(disk, path))) {
        known.put(file.getFileName().toString(), new Node());
      }
      directory.children = known;
    }
    return known;
  }

  /** Sees to it that the node's type is known. */
  static Node look(Node node, String path, Disk disk) throws IOException {
    if (node.type == 0) {
      Path file = at(disk, path);
      Stat stat = Linux.lstat(file);
      if (stat.isSymlink()) {
        node.link = Linux.readlink(file);
      }
      node.type = stat.type();
    }
    return node;
  }

  private @Nullable Node get(String path, Disk disk) throws IOException {
    Node node = root;
    int start = 1;
    while (start <= path.length()) {
      if (!node.isDirectory()) {
        return null;
      }
      int slash = path.indexOf('/', start);
      int end = slash < 0 ? path.length() : slash;
      Node child =
          children(node, path.substring(0, start - 1), disk).get(path.substring(start, end));
      if (child == null) {
        return null;
      }
      node = look(child, path.substring(0, end), disk);
      start = end + 1;
    }
    return node;
  }

  /**
   * Follows the links in a path, all within the tree. Where nothing is, the path goes on as
   * written.
   */
  Found resolve(String path, boolean followLast, Disk disk) throws IOException {
    String current = "";
    String rest = path.startsWith("/") ? path.substring(1) : path;
    Node node = root;
    int links = 0;
    while (!rest.isEmpty()) {
      int slash = rest.indexOf('/');
      String part = slash < 0 ? rest : rest.substring(0, slash);
      rest = slash < 0 ? "" : rest.substring(slash + 1);
      String next = clean(current + "/" + part);
      node = get(next, disk);
      if (node == null || node.link == null || (!followLast && rest.isEmpty())) {
        current = next;
        continue;
      }
      if (++links > MAX_LINKS) {
        throw BuildException.invalid("too many links");
      }
      if (node.link.startsWith("/")) {
        current = "";
      }
      // a link's trailing slash does not make it the last component
      rest = rest.isEmpty() ? stripped(node.link) : node.link + "/" + rest;
      if (rest.isEmpty()) { // a link to the root itself
        node = get(current, disk);
      }
    }
    return new Found(current, node);
  }

  private static String stripped(String link) {
    String out = link;
    while (out.endsWith("/")) {
      out = out.substring(0, out.length() - 1);
    }
    return out.startsWith("/") ? out.substring(1) : out;
  }

  /** The path with a leading slash and without needless parts; {@code ""} for the root. */
  static String clean(String path) {
    String out = GoPath.clean("/" + path);
    return out.equals("/") ? "" : out;
  }

  // --- hashing ---

  /** A file whose digest is wanted. */
  record Work(Node node, String path) {}

  /** Adds all below the node, itself included, that has no digest yet. */
  void collect(Node node, String path, Disk disk, List<Work> out) throws IOException {
    look(node, path, disk);
    if (node.isDirectory() && node.contents != null) {
      return;
    }
    if (node.own == null) {
      out.add(new Work(node, path));
    }
    if (node.isDirectory()) {
      for (Map.Entry<String, Node> child : children(node, path, disk).entrySet()) {
        collect(child.getValue(), path + "/" + child.getKey(), disk, out);
      }
    }
  }

  static void hash(Work work, Disk disk) throws IOException, InterruptedException {
    Path file = at(disk, work.path);
    work.node.own = FileHash.of(file, Linux.lstat(file));
  }

  /** The digest of a file, or of a directory with its contents, once all have been hashed. */
  static Digest digest(Node node) {
    SortedMap<String, Node> children = node.children;
    Digest own = node.own;
    if (own == null) {
      throw new IllegalStateException("not hashed");
    }
    if (!node.isDirectory()) {
      return own;
    }
    Digest known = node.contents;
    if (known == null) {
      CacheDigest.FileList list = new CacheDigest.FileList();
      list.add((byte) 0).add(FileNames.bytes(own.toString()));
      if (children != null) {
        children.forEach((name, child) -> {
          list.add((byte) 0).add(FileNames.bytes(name));
          list.add(FileNames.bytes(digest(child).toString()));
        });
      }
      known = list.digest();
      node.contents = known;
    }
    return known;
  }

  // --- changes ---

  /**
   * Enters a file that was added or changed. In a directory that has not been listed nothing needs
   * to be entered: it will be read from disk.
   *
   * @param digest as {@link FileHash} makes it
   * @param hardLink the path of the same file's first name, or empty
   */
  void put(String path, int type, String link, Digest digest, String hardLink) {
    String at = clean(path);
    Node parent = parentForChange(at);
    if (parent == null || parent.children == null) {
      return;
    }
    String name = at.substring(at.lastIndexOf('/') + 1);
    Node old = parent.children.get(name);
    Node node = new Node();
    node.type = type;
    node.own = digest;
    if (type == Stat.S_IFLNK) {
      node.link = link;
    }
    if (type == Stat.S_IFDIR) {
      node.children =
          old == null || old.type != Stat.S_IFDIR
              ? old == null || old.type != 0 ? new TreeMap<>(ByteOrder.INSTANCE) : null
              : old.children;
    }
    if (!hardLink.isEmpty()) {
      String first = clean(hardLink);
      Node target = known(first);
      if (target != null && target.own != null) {
        node.own = target.own;
      }
      // the first name's digest may come later, because data is written in the background
      hardLinks.computeIfAbsent(first, f -> new ArrayList<>()).add(at);
    }
    parent.children.put(name, node);
    if (type != Stat.S_IFDIR) {
      List<String> names = hardLinks.remove(at);
      if (names != null) {
        for (String other : names) {
          Node linked = known(other);
          if (linked != null) {
            linked.own = digest;
            outdateAbove(other);
          }
        }
      }
    }
  }

  void remove(String path) {
    String at = clean(path);
    Node parent = parentForChange(at);
    if (parent != null && parent.children != null) {
      parent.children.remove(at.substring(at.lastIndexOf('/') + 1));
    }
  }

  /** Ends a reception: later links name files anew. */
  void settle() {
    hardLinks.clear();
  }

  private @Nullable Node parentForChange(String path) {
    if (path.isEmpty()) {
      return null;
    }
    outdateAbove(path);
    return known(path.substring(0, path.lastIndexOf('/')));
  }

  private void outdateAbove(String path) {
    Node node = root;
    node.contents = null;
    for (int slash = path.indexOf('/', 1); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      node = known(path.substring(0, slash));
      if (node == null) {
        return;
      }
      node.contents = null;
    }
  }

  private @Nullable Node known(String path) {
    Node node = root;
    for (int start = 1; start <= path.length(); ) {
      int slash = path.indexOf('/', start);
      int end = slash < 0 ? path.length() : slash;
      node = node.children == null ? null : node.children.get(path.substring(start, end));
      if (node == null) {
        return null;
      }
      start = end + 1;
    }
    return node;
  }
}
