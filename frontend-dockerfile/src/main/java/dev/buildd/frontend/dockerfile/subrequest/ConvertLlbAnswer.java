package dev.buildd.frontend.dockerfile.subrequest;

import dev.buildd.base.json.Json;
import dev.buildd.frontend.dockerfile.convert.Conversion;
import dev.buildd.frontend.dockerfile.convert.ConversionRequest;
import dev.buildd.gateway.Result;
import dev.buildd.llb.DefinitionJson;
import java.util.Optional;

/** The steps that the Dockerfile becomes. */
final class ConvertLlbAnswer {
  private ConvertLlbAnswer() {}

  static Result give(ConversionRequest conversion) throws Exception {
    return Subrequests.result(
        "0.1.0",
        Json.indented(DefinitionJson.of(Conversion.run(conversion).definition())),
        Optional.empty());
  }
}
