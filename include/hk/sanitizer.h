/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hk/sanitizer.h - HK_IS_SANITIZED: 1 when the address or thread sanitizer watches the program,
 * which then must not hide its memory from them; else 0.
 */
#ifndef HK_SANITIZER_H
#define HK_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HK_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HK_IS_SANITIZED 1
#endif
#endif

#ifndef HK_IS_SANITIZED
#define HK_IS_SANITIZED 0
#endif

#endif
