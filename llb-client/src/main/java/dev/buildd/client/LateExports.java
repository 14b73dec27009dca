package dev.buildd.client;

import dev.buildd.base.error.BuildException;
import dev.buildd.gateway.Reference;
import dev.buildd.session.exporter.ExportRequest;
import dev.buildd.session.exporter.ExporterProvider;
import dev.buildd.session.filesync.FileSendTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Exports that are chosen once the result is there.
 *
 * @param first the position of the first of them, after the exports that the request names
 * @param results takes what they send back
 * @param references refs by their ids
 */
record LateExports(
    ExportChooser chooser,
    int first,
    FileSendTarget results,
    Function<String, Reference> references)
    implements ExporterProvider.Chooser {

  @Override
  public List<ExportRequest> choose(Map<String, byte[]> metadata, List<String> refs)
      throws Exception {
    List<ExportRequest> out = new ArrayList<>();
    for (SolveOptions.Export export :
        chooser.choose(metadata, refs.stream().map(references).toList())) {
      int position = first + out.size();
      if (export.target().isPresent()) {
        if (export.target().get() instanceof FileSendTarget.Target.Layout) {
          throw BuildException.invalid("an export into a layout must be asked for beforehand");
        }
        results.add(position, export.target().get());
      }
      out.add(new ExportRequest(export.type(), export.attrs()));
    }
    return out;
  }

  @Override
  public void exported(Map<String, String> response) throws Exception {
    chooser.exported(response);
  }
}
