package dev.buildd.client;

import dev.buildd.gateway.Reference;
import java.util.List;
import java.util.Map;

/**
 * Says what becomes of a result once it is there. The daemon asks between the build and its
 * exports.
 */
public interface ExportChooser {
  /**
   * Chooses. A failure fails the build.
   *
   * @param metadata what the frontend said of the result
   * @param refs the result's filesystems; their files can be looked at if a frontend in this
   *     program made them ({@link BuildClient#build})
   * @return exports besides those of {@link SolveOptions#exports}; none of them into a layout
   */
  List<SolveOptions.Export> choose(Map<String, byte[]> metadata, List<Reference> refs)
      throws Exception;

  /**
   * All exports have ended well. A failure fails the build.
   *
   * @param exporterResponse what the exporters tell, as in {@link BuildClient.Outcome}
   */
  default void exported(Map<String, String> exporterResponse) throws Exception {}
}
