package dev.buildd.solver.exporter.image;

import dev.buildd.base.content.Platform;
import dev.buildd.base.error.BuildException;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What exports are told to annotate: {@code annotation[-WHERE][[PLATFORM]].KEY=VALUE}.
 *
 * @param all in the order of their attributes
 */
record Annotations(List<One> all) {
  static final Annotations NONE = new Annotations(List.of());

  private static final Pattern ATTRIBUTE =
      Pattern.compile("annotation(?:-([a-z-]+))?(?:\\[([A-Za-z0-9_/-]+)])?\\.(\\S+)");

  /** Where an annotation is put. */
  enum Place {
    MANIFEST("manifest"),
    MANIFEST_DESCRIPTOR("manifest-descriptor"),
    INDEX("index"),
    INDEX_DESCRIPTOR("index-descriptor");

    private final String text;

    Place(String text) {
      this.text = text;
    }
  }

  /**
   * @param platform its id; empty for all
   */
  record One(Place place, String platform, String key, String value) {}

  Annotations {
    all = List.copyOf(all);
  }

  static boolean isAnnotation(String attribute) {
    return ATTRIBUTE.matcher(attribute).matches();
  }

  Annotations with(String attribute, String value) {
    Matcher matcher = ATTRIBUTE.matcher(attribute);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(attribute);
    }
    String platform = matcher.group(2) == null ? "" : Platform.parse(matcher.group(2)).format();
    List<One> more = new ArrayList<>(all);
    more.add(new One(place(matcher.group(1)), platform, matcher.group(3), value));
    return new Annotations(more);
  }

  private static Place place(@org.jspecify.annotations.Nullable String text) {
    if (text == null) {
      return Place.MANIFEST;
    }
    for (Place place : Place.values()) {
      if (place.text.equals(text)) {
        return place;
      }
    }
    throw BuildException.invalid("unrecognized annotation type " + text);
  }

  Annotations merged(Annotations other) {
    List<One> both = new ArrayList<>(all);
    both.addAll(other.all);
    return new Annotations(both);
  }

  /** Those of a manifest, or of its descriptor, for a platform. */
  SortedMap<String, String> of(Place place, String platform) {
    SortedMap<String, String> out = new TreeMap<>();
    for (One one : all) { // what is said of all is overridden by what is said of one
      if (one.place == place && one.platform.isEmpty()) {
        out.put(one.key, one.value);
      }
    }
    for (One one : all) {
      if (one.place == place && !one.platform.isEmpty() && one.platform.equals(platform)) {
        out.put(one.key, one.value);
      }
    }
    return out;
  }

  /** Those of an index, or of its descriptor. */
  SortedMap<String, String> ofIndex(Place place) {
    SortedMap<String, String> out = new TreeMap<>();
    for (One one : all) {
      if (one.place == place) {
        out.put(one.key, one.value);
      }
    }
    return out;
  }

  boolean hasIndex() {
    return all.stream()
        .anyMatch(one -> one.place == Place.INDEX || one.place == Place.INDEX_DESCRIPTOR);
  }
}
