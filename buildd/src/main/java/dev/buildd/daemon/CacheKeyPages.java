package dev.buildd.daemon;

import dev.buildd.base.content.Digest;
import dev.buildd.base.error.BuildException;
import dev.buildd.base.error.Category;
import dev.buildd.cache.key.CacheKeyId;
import dev.buildd.cache.key.CacheLink;
import dev.buildd.cache.key.CacheRecord;
import dev.buildd.cache.key.CacheStore;
import dev.buildd.cache.key.DigestNotes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Which cache keys there are and which follow from which, as BuildKit's pages tell it, and besides
 * which results they stand for. Keys are numbered: those that follow from nothing first, each with
 * what follows from it behind it.
 */
final class CacheKeyPages {
  private static final int MOST = 100_000; // links, so that a page is some ten megabytes

  /** A key. */
  private static final class Node {
    final CacheKeyId key;
    final List<Parent> parents = new ArrayList<>();
    final SortedMap<Integer, Set<Node>> children = new TreeMap<>(); // by the input they follow by
    int number; // from 1; 0 until it has one

    Node(CacheKeyId key) {
      this.key = key;
    }

    boolean isRandom() {
      return key.value().startsWith("random:");
    }

    /** What a key that follows from nothing is the digest of; others are names alone. */
    Optional<String> digest() {
      if (!parents.isEmpty()) {
        return Optional.empty();
      }
      String name = key.value();
      return Optional.of(isRandom() ? name.replaceFirst("^random:", "sha256:") : name)
          .map(text -> text.replaceFirst("@.*", ""));
    }
  }

  private record Parent(Node from, CacheLink link) {}

  private final CacheStore store;
  private final Optional<DigestNotes> notes;
  private final Map<CacheKeyId, Node> nodes = new HashMap<>();
  private final List<Node> numbered = new ArrayList<>();

  private CacheKeyPages(CacheStore store, Optional<DigestNotes> notes) {
    this.store = store;
    this.notes = notes;
    int[] count = {0};
    store.links((from, link, to) -> {
      Node source = node(from);
      Node target = node(to);
      target.parents.add(new Parent(source, link));
      source.children.computeIfAbsent(link.input(), _ -> new HashSet<>()).add(target);
      if (++count[0] > MOST) {
        throw new BuildException(
            Category.RESOURCE_EXHAUSTED,
            "there are more than " + MOST + " links between keys, which is more than a page holds");
      }
      return true;
    });
    for (String result : store.results()) {
      store.keysOf(result).forEach(this::node);
    }
    nodes.values().stream()
        .filter(node -> node.parents.isEmpty())
        .sorted(Comparator.comparing((Node node) -> node.key))
        .forEach(this::number);
  }

  /** All keys of a store. */
  static DebugPages.Page of(CacheStore store, Optional<DigestNotes> notes, boolean json) {
    CacheKeyPages pages = new CacheKeyPages(store, notes);
    if (json) {
      return DebugPages.json(pages.numbered.stream().map(pages::json).toList());
    }
    StringBuilder text = new StringBuilder();
    pages.numbered.forEach(node -> pages.text(node, text));
    return DebugPages.Page.text(200, text.toString());
  }

  private Node node(CacheKeyId key) {
    return nodes.computeIfAbsent(key, Node::new);
  }

  /** Depth first; chains may be long, so that nothing calls itself. */
  private void number(Node root) {
    Deque<Node> pending = new ArrayDeque<>(List.of(root));
    while (!pending.isEmpty()) {
      Node node = pending.pop();
      if (node.number > 0) {
        continue;
      }
      numbered.add(node);
      node.number = numbered.size();
      node.children.values().stream()
          .flatMap(Set::stream)
          .sorted(Comparator.comparing((Node child) -> child.key).reversed())
          .forEach(pending::push);
    }
  }

  private static List<Parent> inOrder(List<Parent> parents) {
    return parents.stream()
        .sorted(
            Comparator.comparingInt((Parent parent) -> parent.link.input())
                .thenComparing(parent -> parent.link.step())
                .thenComparingInt(parent -> parent.from.number))
        .toList();
  }

  private static NavigableSet<Integer> numbers(Set<Node> nodes) {
    NavigableSet<Integer> out = new TreeSet<>();
    nodes.forEach(node -> out.add(node.number));
    return out;
  }

  /** What is noted of the digests that a key is made of; what is in that, the other page tells. */
  private List<DigestNotes.Note> noted(Node node) {
    NavigableSet<String> digests = new TreeSet<>();
    node.digest().ifPresent(digests::add);
    for (Parent parent : node.parents) {
      digests.add(parent.link.step().value());
      parent.link.selector().ifPresent(selector -> digests.add(selector.toString()));
    }
    List<DigestNotes.Note> out = new ArrayList<>();
    for (String digest : digests) {
      if (digest.startsWith("sha256:")) {
        notes.flatMap(all -> all.find(Digest.parse(digest))).ifPresent(out::add);
      }
    }
    return out;
  }

  private Map<String, Object> json(Node node) {
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("id", node.number);
    if (!node.parents.isEmpty()) {
      List<Object> parents = new ArrayList<>();
      for (Parent parent : inOrder(node.parents)) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("input", parent.link.input());
        one.put("output", 0); // is in the digest
        one.put("digest", parent.link.step().value());
        parent.link.selector().ifPresent(selector -> one.put("selector", selector.toString()));
        one.put("target", parent.from.number);
        parents.add(one);
      }
      out.put("parents", parents);
    }
    node.digest().ifPresent(digest -> out.put("digest", digest));
    if (node.isRandom()) {
      out.put("random", true);
    }
    if (!node.children.isEmpty()) {
      Map<String, Object> children = new LinkedHashMap<>();
      node.children.forEach((input, some) -> {
        Map<String, Object> ids = new LinkedHashMap<>();
        numbers(some).forEach(number -> ids.put(Integer.toString(number), Map.of()));
        children.put(Integer.toString(input), ids);
      });
      out.put("children", children);
    }
    List<CacheRecord> results = store.records(node.key);
    if (!results.isEmpty()) {
      out.put(
          "results",
          results.stream()
              .map(result ->
                  Map.of("id", result.resultId(), "createdAt", result.createdAt().toString()))
              .toList());
    }
    List<Map<String, Object>> plain = noted(node).stream().map(CacheDebugPages::alone).toList();
    if (!plain.isEmpty()) {
      out.put("debug", plain);
    }
    return out;
  }

  private void text(Node node, StringBuilder out) {
    out.append("ID: ").append(node.number).append(node.isRandom() ? " (random)\n" : "\n");
    node.digest().ifPresent(digest -> out.append("Digest: ").append(digest).append('\n'));
    if (!node.parents.isEmpty()) {
      out.append("Parents:\n");
      for (Parent parent : inOrder(node.parents)) {
        out.append("  Input ").append(parent.link.input()).append(":\t");
        out.append(parent.from.number).append('\t').append(parent.link.step()).append('\n');
        parent
            .link
            .selector()
            .ifPresent(selector -> out.append("    Selector: ").append(selector).append('\n'));
      }
    }
    if (!node.children.isEmpty()) {
      out.append("Children:\n");
      node.children.forEach((input, some) -> {
        out.append("  Input ").append(input).append(":\t ");
        out.append(String.join(", ", numbers(some).stream().map(String::valueOf).toList()));
        out.append('\n');
      });
    }
    List<CacheRecord> results = store.records(node.key);
    if (!results.isEmpty()) {
      out.append("Results:\n");
      for (CacheRecord result : results) {
        out.append("  ").append(result.resultId()).append(' ').append(result.createdAt());
        out.append('\n');
      }
    }
    List<DigestNotes.Note> plain = noted(node);
    if (!plain.isEmpty()) {
      out.append("Plaintexts:\n");
      plain.forEach(note -> CacheDebugPages.textAlone(note, out));
    }
    out.append('\n');
  }
}
