/**
 * Control characters, line ends, whatever turns the direction of the text behind it, and tag characters, which nobody sees: unfit for a
 * title or a name that stands on one line of somebody's screen.
 */
const unfit = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u;

/** Whether text can stand on one line of a screen and says there what it says in a log. */
export const isOneLine = (text: string): boolean => !unfit.test(text);

/** What a refusal for {@link isOneLine} says. */
export const notOneLine = "control characters, line ends, turned direction and invisible tag characters are refused";
