#include "domain/stripe/brief_body.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace billhook::stripe {
namespace {

struct Member {
  std::string_view key;
  // Of an object or array under the key, only what stands under these, however deep; empty: all.
  std::vector<std::string_view> inside = {};
};

// What decoders look at, and small members that updates often tell the former value of: by these, events of
// one second are put in order.
const Member kMembers[] = {
    {"address"},
    {"amount"},
    {"amount_captured"},
    {"amount_due"},
    {"amount_paid"},
    {"amount_received"},
    {"amount_refunded"},
    {"amount_remaining"},
    {"amount_requested"},
    {"amount_total"},
    {"attempt_count"},
    {"attempted"},
    {"auto_advance"},
    {"balance"},
    {"balance_transaction", {"id", "amount", "fee", "currency", "created"}},
    {"balance_transactions", {"id", "amount", "fee", "currency", "created"}},
    {"billing"},
    {"billing_reason"},
    {"cancel_at"},
    {"cancel_at_period_end"},
    {"canceled_at"},
    {"cancellation_details"},
    {"captured"},
    {"charge", {"id"}},
    {"charges", {"data", "id"}},
    {"closed"},
    {"collection_method"},
    {"created"},
    {"currency"},
    {"current_period_end"},
    {"current_period_start"},
    {"customer", {"id"}},
    {"date"},
    {"default_payment_method"},
    {"default_source"},
    {"deleted"},
    {"delinquent"},
    {"description"},
    {"discount"},
    {"dispute"},
    {"disputed"},
    {"due_date"},
    {"effective_at"},
    {"email"},
    {"ended_at"},
    {"ending_balance"},
    {"failure_balance_transaction", {"id", "amount", "fee", "currency", "created"}},
    {"failure_code"},
    {"forgiven"},
    {"hosted_invoice_url"},
    {"id"},
    {"invoice", {"id"}},
    {"invoice_pdf"},
    {"invoice_settings"},
    {"is_charge_refundable"},
    {"items",
     {"data", "id", "quantity", "price", "plan", "current_period_start", "current_period_end", "product",
      "currency", "unit_amount", "unit_amount_decimal", "amount", "recurring", "interval", "interval_count",
      "usage_type"}},
    {"latest_charge", {"id", "balance_transaction", "amount", "fee", "currency", "created"}},
    {"latest_invoice", {"id"}},
    {"livemode"},
    {"metadata"},
    {"name"},
    {"next_payment_attempt"},
    {"number"},
    {"object"},
    {"paid"},
    {"paid_out_of_band"},
    {"parent", {"subscription_details", "subscription", "id"}},
    {"pause_collection"},
    {"payment", {"type", "payment_intent", "charge", "id"}},
    {"payment_intent", {"id"}},
    {"payment_status"},
    {"payments", {"data", "is_default", "payment", "payment_intent", "charge", "id"}},
    {"pending_update"},
    {"period_end"},
    {"period_start"},
    {"phone"},
    {"plan",
     {"id", "product", "currency", "unit_amount", "unit_amount_decimal", "amount", "recurring", "interval",
      "interval_count", "usage_type"}},
    {"quantity"},
    {"receipt_url"},
    {"start"},
    {"start_date"},
    {"status"},
    {"status_transitions"},
    {"subscription", {"id"}},
    {"subtotal"},
    {"total"},
    {"trial_end"},
    {"trial_start"},
    {"webhooks_delivered_at"}};

// Finds members by their keys: each key that an event's object has is looked for.
class MemberTable {
 public:
  MemberTable() {
    for (const Member& member : kMembers) {
      std::size_t at = Hash(member.key);
      while (slots_[at] != nullptr) at = (at + 1) % slots_.size();
      slots_[at] = &member;
    }
  }

  [[nodiscard]] const Member* Find(std::string_view key) const {
    for (std::size_t at = Hash(key); slots_[at] != nullptr; at = (at + 1) % slots_.size()) {
      if (slots_[at]->key == key) return slots_[at];
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kSlots = 512;
  static_assert(std::size(kMembers) < kSlots / 4);

  static std::size_t Hash(std::string_view key) {
    if (key.empty()) return 0;
    const auto byte = [key](std::size_t i) { return static_cast<unsigned char>(key[i]); };
    const std::size_t hash = byte(0) + 7 * byte(key.size() / 2) + 31 * byte(key.size() - 1) + 89 * key.size();
    return hash % kSlots;
  }

  std::array<const Member*, kSlots> slots_{};
};

const Member* FindMember(std::string_view key) {
  static const MemberTable kTable;
  return kTable.Find(key);
}

bool Wants(std::span<const std::string_view> around, std::string_view key) {
  switch (around.size()) {
    case 1:
      return key == "data" || key == "livemode" || key == "account";
    case 2:
      return around[1] != "data" || key == "object" || key == "previous_attributes";
    case 3:
      return around[2] != "object" || FindMember(key) != nullptr;
    default:
      if (around[2] != "object") return true;
      const Member* member = FindMember(around[3]);
      return member == nullptr || member->inside.empty() ||
             std::find(member->inside.begin(), member->inside.end(), key) != member->inside.end();
  }
}

}  // namespace

bool TellsAll(const Json& object, const std::string& key) {
  const Member* member = FindMember(key);
  if (member == nullptr) return false;
  const auto told = object.find(key);
  return member->inside.empty() || told == object.end() || !told->is_structured();
}

std::optional<EventBody> ReadBriefBody(const RecordedEvent& recorded) {
  std::optional<Json> document = ParseFaultlessJson(recorded.event.payload, &Wants);
  if (!document) return std::nullopt;
  Result<EventBody, std::string> body = BodyFrom(recorded, *std::move(document), "");
  if (!body) return std::nullopt;
  body->brief = true;
  return *std::move(body);
}

}  // namespace billhook::stripe
