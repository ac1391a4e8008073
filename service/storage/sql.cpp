#include "service/storage/sql.h"

#include <charconv>

#include "domain/check.h"
#include "domain/event_store.h"

namespace billhook::storage {

namespace {

[[noreturn]] void ThrowWrongType() {
  throw StorageError("the database holds a value of another type than billhook wrote; run billhook verify",
                     false);
}

}  // namespace

const Cell& Rows::At(std::size_t row, std::size_t column) const {
  BILLHOOK_CHECK(row < size() && column < columns_);
  return cells_[row * columns_ + column];
}

bool Rows::IsNull(std::size_t row, std::size_t column) const {
  return std::holds_alternative<std::monostate>(At(row, column));
}

std::int64_t Rows::Int(std::size_t row, std::size_t column) const {
  const Cell& cell = At(row, column);
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return *number;
  // PostgreSQL answers in text.
  const auto* text = std::get_if<std::string>(&cell);
  if (text == nullptr) ThrowWrongType();
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size()) ThrowWrongType();
  return number;
}

const std::string& Rows::Text(std::size_t row, std::size_t column) const {
  const auto* text = std::get_if<std::string>(&At(row, column));
  if (text == nullptr) ThrowWrongType();
  return *text;
}

std::optional<std::string> Rows::OptionalText(std::size_t row, std::size_t column) const {
  if (IsNull(row, column)) return std::nullopt;
  return Text(row, column);
}

std::string Rows::TakeText(std::size_t row, std::size_t column) {
  if (!std::holds_alternative<std::string>(At(row, column))) ThrowWrongType();
  return std::get<std::string>(std::move(cells_[row * columns_ + column]));
}

Cell Rows::Take(std::size_t row, std::size_t column, ColumnType type) {
  if (IsNull(row, column)) return std::monostate();
  if (type == ColumnType::kInteger) return Int(row, column);
  return TakeText(row, column);
}

}  // namespace billhook::storage
