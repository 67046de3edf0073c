#pragma once

#include <string>

// Each of these looks for a broken promise of the log over all cases of a kind, on a simulated disk, and
// returns the first it finds in words, or nothing. Tests expect nothing; the sabotage test, which breaks the
// log's rules one by one, expects each rule's breaking to be found.
namespace cairn::raft {

// The plug is pulled at every operation of a run, the disk keeps this or that of what was not synced, and
// what comes back has to be what was acknowledged, with the step in flight or without it. Then the log goes
// on, loses power once more, and everything acknowledged in its second life has to be there too.
std::string CrashAtEveryOperation();
// As above, and then at every operation of the recovery and of what follows it. What an opened log has shown
// stays.
std::string CrashInRecoveryToo();
// Every operation fails once. The log says so for ever, and nothing acknowledged is lost. What is shown by
// the recovery after that, or after another one that failed as well, stays.
std::string FailAtEveryOperation();
// A disk of every size. What was acknowledged before it was full is there.
std::string FillTheDisk();

// A log of two segments, the last one recycled, is damaged; recovery has to report file and offset if a later
// frame, a later segment or the mark proves that what is damaged was whole once, and to cut it otherwise.
std::string FlipEveryBit(bool marked);
std::string NoiseInEverySector(bool marked);

// A batch torn after each of its bytes, in a new and in a recycled segment, and a life after that.
std::string TearAtEveryLength();
// Batches whose pages reach the disk in any order, one after the other at the same place. They differ in the
// first page only: one that was cut may not come back when the next one writes the pages that it lacked.
std::string PagesOfABatchThatWasCut();
// They differ in all pages, each of which holds whole records: a batch is not completed by those of another.
std::string PagesOfAnotherBatch();
// A whole frame of the file's earlier life stands where the next batch belongs.
std::string OldFramesInARecycledSegment();
// The mark was lost with the power: damage to the last batch looks like a torn tail. Documented, not hoped
// for.
std::string LoseTheMark();

}  // namespace cairn::raft
