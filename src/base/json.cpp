// Boost.JSON is compiled into this file; the others include its declarations only.
#include <boost/json/src.hpp>
