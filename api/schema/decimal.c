/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema/decimal.h"

#include <assert.h>

#define MAX_EXPONENT ((int64_t)1000000000000000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int64_t parse_exponent(struct hk_str text)
{
    bool is_negative = text.n > 0 && text.p[0] == '-';
    int64_t value = 0;

    for (size_t i = 0; i < text.n && value < MAX_EXPONENT; i++) {
        if (is_digit(text.p[i]))
            value = value * 10 + (text.p[i] - '0');
    }
    if (value > MAX_EXPONENT)
        value = MAX_EXPONENT;
    return is_negative ? -value : value;
}

struct decimal decimal_parse(struct hk_str text)
{
    struct decimal number = {.is_negative = text.n > 0 && text.p[0] == '-'};
    size_t first = 0, last = 0, end = number.is_negative, n_before_point = 0, n_digits = 0;
    bool is_behind_point = false;

    for (; end < text.n && (is_digit(text.p[end]) || text.p[end] == '.'); end++) {
        if (text.p[end] == '.') {
            is_behind_point = true;
            continue;
        }
        n_digits++;
        n_before_point += !is_behind_point;
        if (text.p[end] == '0')
            continue;
        if (number.n_digits == 0) {
            first = end;
            number.exponent = -(int64_t)n_digits;
        }
        last = end;
        number.n_digits = n_digits + (size_t)(number.exponent + 1);
    }
    if (number.n_digits == 0)
        return (struct decimal){.digits = {text.p, 0}};

    number.digits = (struct hk_str){text.p + first, last + 1 - first};
    number.exponent += (int64_t)n_before_point;
    if (end < text.n)
        number.exponent += parse_exponent((struct hk_str){text.p + end + 1, text.n - end - 1});
    return number;
}

/* The next digit, '0' behind the last one. */
static char next_digit(const struct decimal *number, size_t *at)
{
    if (*at < number->digits.n && number->digits.p[*at] == '.')
        ++*at;
    if (*at == number->digits.n)
        return '0';
    return number->digits.p[(*at)++];
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
    size_t at_a = 0, at_b = 0;

    if (a->n_digits == 0 || b->n_digits == 0)
        return (a->n_digits > 0) - (b->n_digits > 0);
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    while (at_a < a->digits.n || at_b < b->digits.n) {
        char digit_a = next_digit(a, &at_a), digit_b = next_digit(b, &at_b);

        if (digit_a != digit_b)
            return digit_a < digit_b ? -1 : 1;
    }
    return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    int order = compare_sizes(a, b);

    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    return a->is_negative ? -order : order;
}

/* The power of ten of the last digit. */
static int64_t last_exponent(const struct decimal *number)
{
    return number->exponent - (int64_t)number->n_digits + 1;
}

bool decimal_is_integer(const struct decimal *number)
{
    return number->n_digits == 0 || last_exponent(number) >= 0;
}

uint64_t decimal_hash(const struct decimal *number)
{
    uint64_t hash = (uint64_t)number->exponent * 2 + number->is_negative + 14695981039346656037u;
    size_t at = 0;

    while (at < number->digits.n)
        hash = (hash ^ (uint8_t)next_digit(number, &at)) * 1099511628211u;
    return hash;
}

bool decimal_to_count(const struct decimal *number, uint64_t *ret)
{
    uint64_t value = 0;
    size_t at = 0;

    if (number->is_negative || !decimal_is_integer(number))
        return false;
    for (int64_t i = 0; i <= number->exponent && number->n_digits > 0; i++) {
        if (value > (UINT64_MAX - 9) / 10) {
            value = UINT64_MAX;
            break;
        }
        value = value * 10 + (uint64_t)(next_digit(number, &at) - '0');
    }
    *ret = value;
    return true;
}

/*
 * number = A * 10^a and divisor = B * 10^b, neither A nor B ending in 0. With a < b there is no
 * factor 10^(b-a) in A. Else B must divide A * 10^(a-b): what that power has of B's factors 2 and 5
 * is taken out of B, and the rest, which has none in common with the power, must divide A.
 */
bool decimal_is_multiple(const struct decimal *number, const struct decimal *divisor)
{
    int64_t power = last_exponent(number) - last_exponent(divisor);
    uint64_t rest = 0, remainder = 0;
    size_t at = 0;

    assert(divisor->n_digits > 0 && divisor->n_digits <= DECIMAL_MAX_DIVISOR_DIGITS);
    if (number->n_digits == 0)
        return true;
    if (power < 0)
        return false;
    while (at < divisor->digits.n)
        rest = rest * 10 + (uint64_t)(next_digit(divisor, &at) - '0');
    for (int64_t i = 0; i < power && rest % 2 == 0; i++)
        rest /= 2;
    for (int64_t i = 0; i < power && rest % 5 == 0; i++)
        rest /= 5;
    assert(rest > 0);
    for (at = 0; at < number->digits.n;)
        remainder = (remainder * 10 + (uint64_t)(next_digit(number, &at) - '0')) % rest;
    return remainder == 0;
}
