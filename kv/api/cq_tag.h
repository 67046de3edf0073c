#pragma once

namespace cairn::kv::api {

// What the completion queue hands back: every tag in it is one of these.
class CqTag {
 public:
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~CqTag() = default;
};

// A tag that is a member of its owner and calls one of the owner's functions. The queue holds its address,
// so the owner must stay where it is until the event has come.
template <class Owner, void (Owner::*kMember)(bool)>
class MemberTag final : public CqTag {
 public:
  explicit MemberTag(Owner* owner) : owner_(owner) {}
  MemberTag(const MemberTag&) = delete;
  MemberTag& operator=(const MemberTag&) = delete;

  void OnEvent(bool ok) override { (owner_->*kMember)(ok); }

 private:
  Owner* const owner_;
};

}  // namespace cairn::kv::api
