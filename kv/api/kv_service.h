#pragma once

#include "kv/api/unary_call.h"

// etcdserverpb.KV: requests are checked, then replicated as the client encoded them, or read.
namespace cairn::kv::api {

void ServeRange(UnaryCall& call);
void ServePut(UnaryCall& call);
void ServeDeleteRange(UnaryCall& call);
// A transaction that only reads is not replicated: it waits for a linearizable point, like a Range.
void ServeTxn(UnaryCall& call);
void ServeCompact(UnaryCall& call);

// ResourceExhausted's gentle sister: too many large answers are on their way to slow clients already.
bool TooManyResponseBytes(const Backend& backend);

}  // namespace cairn::kv::api
