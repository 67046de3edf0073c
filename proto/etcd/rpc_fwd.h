#pragma once

// Forward declarations, so that headers need not include generated code.
namespace etcdserverpb {
class RangeRequest;
class PutRequest;
class DeleteRangeRequest;
class TxnRequest;
class CompactionRequest;
class WatchRequest;
}  // namespace etcdserverpb
namespace mvccpb {
class KeyValue;
}
