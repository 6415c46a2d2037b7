// What each command does; one file for each. They print, and return an exit status of sysexits.h.
#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/invocation.h"
#include "app/config/load.h"
#include "base/result.h"

namespace posthouse::app {

int run(const Invocation& invocation);

namespace actions {

int demo(const Invocation& invocation);
int setup(const Invocation& invocation);
int serve(const Invocation& invocation);
int config(const Invocation& invocation);
int account(const Invocation& invocation);
int domain(const Invocation& invocation);
int alias(const Invocation& invocation);
int mailbox(const Invocation& invocation);
int queue(const Invocation& invocation);
int deliver(const Invocation& invocation);
int store(const Invocation& invocation);
int search(const Invocation& invocation);
int backup(const Invocation& invocation);
int import(const Invocation& invocation);
int export_to(const Invocation& invocation);
int restore(const Invocation& invocation);
int man(const Invocation& invocation);
int version(const Invocation& invocation);
int status(const Invocation& invocation);

// ---- what they share
// The configuration, or nothing after its mistakes were printed.
std::optional<Loaded> load(const Invocation& invocation);
// Prints the problems; returns EX_CONFIG.
int tell(const Loaded& loaded);
// Prints that a command has nothing to do, and what could be given; returns EX_USAGE.
int nothing_to_change(std::string_view options);
// Prints what is no mistake but should be known.
void warn(const Loaded& loaded);
// The exit status that says most about a fault.
int exit_status(const Fault& fault);
// Prints the fault to standard error and returns its exit status.
int complain(const Fault& fault);
// The same for what a command reads from: what is not there is EX_NOINPUT, not an account that is not there.
int complain_of_source(const Fault& fault);
// The same for what may come of a value in the configuration: then its place is told.
int complain(const Loaded& loaded, const Fault& fault);
// Asks the server or the store; a fault is printed and gives nothing, with `status` set.
std::optional<boost::json::value> ask(const Invocation& invocation, const std::string& verb,
                                      boost::json::object arguments, int& status);
void print_json(const boost::json::value& value);
// Columns under their headings, as wide as their widest cell.
void print_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);
// "name: value" lines of an object.
void print_object(const boost::json::object& object);
// A value as a cell: text without quotes, lists with commas, null as "-".
std::string cell(const boost::json::object& object, std::string_view name);
// The first line of standard input, without its line end.
Result<std::string> read_secret();
// "5GiB" as bytes, "none" as JSON null; syntax otherwise.
Result<boost::json::value> quota_value(const std::string& text);
// The same for a number of letters.
Result<boost::json::value> count_value(const std::string& text);

}  // namespace actions
}  // namespace posthouse::app
