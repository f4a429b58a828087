/**
 * English words that say little about what a text is about. A query drops them unless it has nothing else; passages keep them,
 * so that such a query still finds something. Written without apostrophes, as the analyser writes contractions.
 */
export const stopWords: ReadonlySet<string> = new Set(
  (
    "a about above after again all also am an and any anyone are arent as at be been being both but by can cannot cant could " +
    "couldnt did didnt do does doesnt doing dont down during each either else ever every few for from get gets got had has " +
    "hasnt have havent having he her here hers herself him himself his how however i if im in into is isnt it its itself " +
    "ive just let lets like many may me might more most much must my myself neither no nor not of off on once one only or " +
    "other our ours out over own please same shall she should shouldnt so some someone something such than that thats the " +
    "their theirs them themselves then there theres these they this those through to too under until up upon us very was " +
    "wasnt we were werent what whats when where which while who whom whose why will with within without wont would wouldnt " +
    "you your youre yours yourself"
  ).split(" "),
);
