#include "cmd/cairnctl/printer.h"

namespace cairn::ctl {

std::unique_ptr<Printer> MakePrinter(const PrinterOptions& options) {
  if (options.format == "simple") return MakeSimplePrinter(options.hex, options.value_only);
  if (options.format == "fields") return MakeFieldsPrinter();
  if (options.format == "json") return MakeJsonPrinter();
  if (options.format == "table") return MakeTablePrinter();
  if (options.format == "protobuf") return MakeProtobufPrinter();
  return nullptr;
}

}  // namespace cairn::ctl
