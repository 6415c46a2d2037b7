// The counters of SMTP sessions.
#pragma once

#include "base/metrics.h"

namespace posthouse::smtp {

struct ServerMetrics {
  metrics::Counter sessions{"posthouse_smtp_sessions_total", "SMTP sessions begun"};
  metrics::Gauge open{"posthouse_smtp_sessions_open", "SMTP sessions open now"};
  metrics::Counter accepted{"posthouse_smtp_letters_accepted_total", "Letters taken over SMTP"};
  metrics::Counter refused{"posthouse_smtp_letters_refused_total", "Letters refused after DATA"};
  metrics::Counter bytes{"posthouse_smtp_letter_bytes_total", "Octets of the letters taken"};
  metrics::Counter recipients_refused{"posthouse_smtp_recipients_refused_total",
                                      "Recipients refused at RCPT"};
  metrics::Counter logins{"posthouse_smtp_logins_total", "Logins that succeeded"};
  metrics::Counter logins_failed{"posthouse_smtp_logins_failed_total", "Logins that failed"};
  metrics::Counter smuggling{"posthouse_smtp_bare_line_ends_total", "Letters refused for a bare CR or LF"};
  metrics::Counter injections{"posthouse_smtp_starttls_injections_total",
                              "Connections dropped for bytes behind STARTTLS"};
  metrics::Counter failures{"posthouse_smtp_session_failures_total", "Sessions ended by an exception"};
};

// Made once, at first use.
const ServerMetrics& server_metrics();

}  // namespace posthouse::smtp
