package dev.buildd.gateway;

import java.util.Map;

/** A place that cache is taken from or brought to. */
public record CacheEntry(String type, Map<String, String> attrs) {
  public CacheEntry {
    attrs = Map.copyOf(attrs);
  }
}
