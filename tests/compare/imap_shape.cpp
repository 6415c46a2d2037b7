// What IMAP says of messages, straight from their records: for every path on standard input a line with
// (ENVELOPE BODY BODYSTRUCTURE), as an answer to FETCH has them.
#include <fstream>
#include <iostream>
#include <iterator>

#include "message/summary.h"

int main() {
  using namespace posthouse::message;
  for (std::string path; std::getline(std::cin, path);) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const std::string record = encode(summarize(bytes));
    std::string out = "(ENVELOPE ";
    append_imap_envelope(out, record, false);
    out += " BODY ";
    append_imap_bodystructure(out, record, false, false);
    out += " BODYSTRUCTURE ";
    append_imap_bodystructure(out, record, true, false);
    std::cout << out << ")\n";
  }
}
