#include "service/storage/session_pool.h"

#include <algorithm>

#include "domain/event_store.h"

namespace billhook::storage {

std::unique_ptr<Session> SessionPool::Acquire(Purpose purpose) {
  const auto index = static_cast<std::size_t>(purpose);
  Side& side = sides_[index];
  std::unique_lock lock(mutex_);
  const bool free = freed_.wait_for(lock, kAcquireTimeout, [&] { return side.leased < limits_[index]; });
  if (!free)
    throw StorageError("every database session is in use; raise DB_POOL_SIZE or lower the load", true);
  while (!side.idle.empty()) {
    std::unique_ptr<Session> session = std::move(side.idle.back());
    side.idle.pop_back();
    if (!session->usable()) continue;
    ++side.leased;
    return session;
  }
  if (std::chrono::steady_clock::now() < no_open_before_) {
    throw StorageError("the database cannot be reached; the next attempt comes shortly", true);
  }
  ++side.leased;
  lock.unlock();
  try {
    std::unique_ptr<Session> session = open_(purpose);
    lock.lock();
    back_off_ = std::chrono::milliseconds(0);
    return session;
  } catch (const StorageError&) {
    lock.lock();
    --side.leased;
    NoteFailure();
    freed_.notify_one();
    throw;
  }
}

void SessionPool::NoteFailure() {
  back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
  no_open_before_ = std::chrono::steady_clock::now() + back_off_;
}

void SessionPool::GiveBack(Purpose purpose, std::unique_ptr<Session> session) {
  session->Rollback();
  const std::lock_guard lock(mutex_);
  Side& side = sides_[static_cast<std::size_t>(purpose)];
  --side.leased;
  if (session->usable()) side.idle.push_back(std::move(session));
  freed_.notify_all();
}

SessionUse SessionPool::UseOf(Purpose purpose) {
  const auto index = static_cast<std::size_t>(purpose);
  const std::lock_guard lock(mutex_);
  return {sides_[index].leased, limits_[index]};
}

void SessionPool::Clear() {
  const std::lock_guard lock(mutex_);
  for (Side& side : sides_) side.idle.clear();
}

}  // namespace billhook::storage
