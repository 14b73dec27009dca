package dev.buildd.cache.key;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildd.base.content.Digest;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What every cache store does. */
abstract class CacheStoreContract {
  abstract CacheStore open(String id, Clock clock);

  /** The same store after a restart, or itself if it does not survive one. */
  CacheStore again(CacheStore store) {
    return store;
  }

  static CacheKeyId key(String name) {
    return new CacheKeyId(name);
  }

  static CacheLink link(int input, String operation) {
    return CacheLink.of(input, 0, Digest.of(operation), Optional.empty());
  }

  @Test
  void savedResultsAreFound() {
    CacheStore store = open("s", Clock.systemUTC());
    CacheKeyId digestNamed = CacheKeyId.of(Digest.of("k"));
    store.save(digestNamed, "r1");
    store.save(digestNamed, "r2");
    store.save(digestNamed, "r1");
    store.save(key("random:other"), "r1");
    store = again(store);
    assertThat(store.records(digestNamed))
        .extracting(CacheRecord::resultId)
        .containsExactly("r2", "r1");
    assertThat(store.records(digestNamed).getFirst().key()).isEqualTo(digestNamed);
    assertThat(store.records(digestNamed).getFirst().store()).isEqualTo("s");
    assertThat(store.records(key("none"))).isEmpty();
    assertThat(store.exists(key("random:other"))).isTrue();
    assertThat(store.keysOf("r1")).containsExactlyInAnyOrder(digestNamed, key("random:other"));
    assertThat(store.results()).containsExactlyInAnyOrder("r1", "r2");
  }

  @Test
  void linksAreFollowedExactly() {
    CacheStore store = open("s", Clock.systemUTC());
    Digest operation = Digest.of("op");
    CacheLink whole = CacheLink.of(1, 2, operation, Optional.empty());
    CacheLink part = CacheLink.of(1, 2, operation, Optional.of(Digest.of("/sub")));
    store.link(key("a"), whole, key("x"));
    store.link(key("a"), whole, key("y"));
    store.link(key("a"), whole, key("y"));
    store.link(key("a"), part, key("z"));
    store.save(key("x"), "r");
    store = again(store);
    assertThat(store.follow(key("a"), whole)).containsExactlyInAnyOrder(key("x"), key("y"));
    assertThat(store.follow(key("a"), part)).containsExactly(key("z"));
    assertThat(store.follow(key("a"), link(1, "op"))).isEmpty();
    assertThat(store.follow(key("b"), whole)).isEmpty();
    List<String> back = new ArrayList<>();
    store.backlinks(key("z"), (from, link) -> back.add(from + " " + link.equals(part)));
    assertThat(back).containsExactly("a true");
    store.link(key("a"), link(0, "op"), key("y"));
    List<String> all = new ArrayList<>();
    store.links((from, link, to) -> all.add(from + " " + link.input() + " " + to));
    assertThat(all).containsExactlyInAnyOrder("a 1 x", "a 1 y", "a 1 z", "a 0 y");
    List<String> some = new ArrayList<>();
    store.links((from, link, to) -> !some.add(from + " " + to));
    assertThat(some).hasSize(1);
  }

  @Test
  void releasedResultsAreForgottenWithTheirDeadEnds() {
    CacheStore store = open("s", Clock.systemUTC());
    store.link(key("a"), link(0, "1"), key("b"));
    store.link(key("b"), link(0, "2"), key("c"));
    store.link(key("b"), link(0, "2"), key("d"));
    store.save(key("c"), "rc");
    store.save(key("d"), "rd");
    store.save(key("b"), "rb");
    store.release("rc");
    store = again(store);
    assertThat(store.exists(key("c"))).isFalse();
    assertThat(store.follow(key("b"), link(0, "2"))).containsExactly(key("d"));
    store.release("rb");
    assertThat(store.exists(key("b"))).as("leads to d").isTrue();
    assertThat(store.records(key("b"))).isEmpty();
    store.release("rd");
    store.release("unknown");
    store = again(store);
    for (String name : List.of("a", "b", "c", "d")) {
      assertThat(store.exists(key(name))).as(name).isFalse();
    }
    assertThat(store.results()).isEmpty();
    store.save(key("c"), "new");
    assertThat(store.records(key("c"))).hasSize(1);
  }

  @Test
  void severalAreReleasedAtOnceWithWhatTheyShare() {
    CacheStore store = open("s", Clock.systemUTC());
    store.link(key("a"), link(0, "1"), key("b"));
    store.link(key("b"), link(0, "2"), key("c"));
    store.link(key("b"), link(0, "3"), key("d"));
    store.save(key("c"), "rc");
    store.save(key("d"), "rd");
    store.save(key("e"), "re");
    store.release(List.of("rc", "unknown", "rd"));
    store = again(store);
    for (String name : List.of("a", "b", "c", "d")) {
      assertThat(store.exists(key(name))).as(name).isFalse();
    }
    assertThat(store.results()).containsExactly("re");
  }

  @Test
  void selfLinksAndCyclesCanBeReleased() {
    CacheStore store = open("s", Clock.systemUTC());
    store.save(key("a"), "r");
    store.release("r");
    assertThat(store.exists(key("a"))).isFalse();
    store.save(key("a"), "r");
    store.link(key("b"), link(0, "x"), key("a"));
    store.link(key("c"), link(1, "x"), key("a"));
    store.release("r");
    store = again(store);
    assertThat(store.exists(key("b"))).isFalse();
    assertThat(store.exists(key("c"))).isFalse();
  }
}
