package dev.buildd.session.exporter;

import java.util.Map;

/** An export as a client asks for it: the exporter's type, and what the exporter is told. */
public record ExportRequest(String type, Map<String, String> attributes) {
  public ExportRequest {
    attributes = Map.copyOf(attributes);
  }
}
