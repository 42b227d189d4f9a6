/* volk's implementation, compiled once. Only the gpu layer includes volk.h. */
#define VOLK_IMPLEMENTATION
#include <volk.h>
