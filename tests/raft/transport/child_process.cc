#include "tests/raft/transport/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "raft/base/assert.h"

namespace cairn::raft::testing {

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments) {
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / program;
  std::vector<std::string> words{path.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int to_child[2];
  int from_child[2];
  CAIRN_ASSERT(pipe2(to_child, O_CLOEXEC) == 0 && pipe2(from_child, O_CLOEXEC) == 0, "errno={}", errno);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
  const int error = posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  CAIRN_ASSERT(error == 0, "cannot start {}: {}", path.string(), error);
  close(to_child[0]);
  close(from_child[1]);
  in_ = to_child[1];
  out_ = from_child[0];
}

std::string ChildProcess::ReadLine() {
  std::string line;
  char byte = 0;
  while (true) {
    if (read(out_, &byte, 1) != 1) {
      ended_ = true;
      return line;
    }
    if (byte == '\n') return line;
    line.push_back(byte);
  }
}

int ChildProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  close(in_);
  close(out_);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void ChildProcess::SendKill() const { kill(pid_, SIGKILL); }

void ChildProcess::Kill() {
  if (pid_ == 0) return;
  SendKill();
  waitpid(pid_, nullptr, 0);
  close(in_);
  close(out_);
  pid_ = 0;
}

}  // namespace cairn::raft::testing
