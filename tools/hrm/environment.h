/* Environment variables the software driver (Mesa's lavapipe) reads: set here, before anything touches Vulkan, because
 * a library must not change its host's environment.
 *
 * Promises: a variable the user has set is left alone. */
#ifndef HRM_TOOL_ENVIRONMENT_H
#define HRM_TOOL_ENVIRONMENT_H

/* Chooses lavapipe's vector width and gives every width its own shader cache. Call it once, before any other thread. */
void cli_environment_prepare(void);

/* "512 bits (chosen for AVX-512)" and so on. */
const char *cli_environment_get_vector_width(void);

#endif
