#include "kv/api/mailbox.h"

#include <utility>

namespace cairn::kv::api {

void Mailbox::Push(Mail& mail) {
  Mail* seen = newest_.load(std::memory_order_relaxed);
  do {
    mail.next_ = seen;
  } while (!newest_.compare_exchange_weak(seen, &mail, std::memory_order_acq_rel, std::memory_order_relaxed));
  // Whoever found the mailbox empty owns the alarm until the poller has emptied it again. A deadline in the
  // past fires in this call, without the timer thread.
  if (seen == nullptr) {
    alarm_.Set(&queue_, gpr_time_0(GPR_CLOCK_REALTIME), static_cast<CqTag*>(this));
  }
}

void Mailbox::OnEvent(bool /*ok*/) {
  Mail* mail = newest_.exchange(nullptr, std::memory_order_acq_rel);
  // Oldest first: who waited longest is answered first.
  Mail* in_order = nullptr;
  while (mail != nullptr) {
    Mail* const older = std::exchange(mail->next_, in_order);
    in_order = mail;
    mail = older;
  }
  while (in_order != nullptr) {
    Mail* const next = std::exchange(in_order->next_, nullptr);
    in_order->OnMail();  // May end `in_order`'s life.
    in_order = next;
  }
}

}  // namespace cairn::kv::api
