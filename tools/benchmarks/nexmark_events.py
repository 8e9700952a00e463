#!/usr/bin/python3
"""Events of an online auction, as Nexmark has them: who registers, what is put up for auction, and the bids.

    tools/benchmarks/nexmark_events.py EVENTS [--seed N] [--rate N] > events.jsonl

Of 50 events one is a person, three are auctions and 46 bids, in this order, a JSON object a line. Ids count up from
1000. Half of all bids are for a hot auction, three quarters are made by a hot bidder, and three quarters of all
auctions are a hot seller's; another one is hot with every hundredth that is new. All others are chosen among what is
new, and some a little ahead of their own event. Prices are spread evenly over the decades from 1 to 1,000,000 dollars,
in cents; half of the bids come through one of four channels, the others through one of 10,000.

`rate` events are a second apart in event time, which begins shortly before a midnight. One in ten events is older
than its place in the stream, by less than MOST_DELAYED. The same arguments make the same bytes.
"""

import argparse
import random
import sys

PERSONS, AUCTIONS, BIDS = 1, 3, 46  # of so many events together
GROUP = PERSONS + AUCTIONS + BIDS
FIRST_ID = 1000
BEGIN = 1_740_873_540_000  # 2025-03-01T23:59:00Z, in milliseconds as all times here
MOST_DELAYED = 3000
HOT_OF = 100       # of so many auctions, or persons, one is hot
AHEAD = 10         # so many ids that are not there yet may be named
OPEN_AUCTIONS = 100
ACTIVE_PERSONS = 1000
CHANNELS = 10_000
HOT_CHANNELS = ["Google", "Facebook", "Baidu", "Apple"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FIRST_NAMES = "Ada Alan Barbara Donald Edsger Frances Grace John Katherine Leslie Niklaus".split()
LAST_NAMES = "Allen Dijkstra Hamilton Hopper Johnson Knuth Lamport Liskov Lovelace Turing Wirth".split()
CITIES = ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"]
STATES = ["AZ", "CA", "ID", "OR", "WA", "WY"]


class Auction:
    """Makes one event after another."""

    def __init__(self, seed=1, rate=10_000):
        self._random = random.Random(seed).random  # of this one, other than of its kin, every Python gives the same
        self._rate = rate
        self._letters = "".join(LETTERS[self._below(26)] for _ in range(20_000))
        self._channels = [(name, self._address()) for name in HOT_CHANNELS]
        for number in range(CHANNELS):
            address = self._address()
            if self._below(10) > 0:
                address += f"&channel_id={number * 7919 % 1_000_003}"
            self._channels.append((f"channel-{number}", address))

    def line(self, number):
        """The event of that number, with its line end; events are asked for in their order."""
        place = number % GROUP
        time = BEGIN + number * 1000 // self._rate
        if self._below(10) == 0:
            time -= self._below(MOST_DELAYED)
        persons = number // GROUP + 1
        if place < PERSONS:
            return self._person(persons, time)
        auctions = number // GROUP * AUCTIONS + min(place - PERSONS + 1, AUCTIONS)
        return self._auction(auctions, persons, time) if place < PERSONS + AUCTIONS else self._bid(auctions, persons, time)

    def _person(self, persons, time):
        name = f"{self._one_of(FIRST_NAMES)} {self._one_of(LAST_NAMES)}"
        card = " ".join(f"{self._below(10_000):04}" for _ in range(4))
        return (f'{{"event":"person","id":{FIRST_ID + persons - 1},"name":"{name}",'
                f'"emailAddress":"{self._text(4, 7)}@{self._text(3, 5)}.com","creditCard":"{card}",'
                f'"city":"{self._one_of(CITIES)}","state":"{self._one_of(STATES)}","dateTime":{time},'
                f'"extra":"{self._text(90, 140)}"}}\n')

    def _auction(self, auctions, persons, time):
        first = self._price()
        # As long, on average, as it takes until OPEN_AUCTIONS others have been put up.
        expires = time + 1 + self._below(2 * OPEN_AUCTIONS * GROUP * 1000 // (AUCTIONS * self._rate) + 1)
        seller = (persons - 1) // HOT_OF * HOT_OF if self._below(4) else self._any_person(persons)
        return (f'{{"event":"auction","id":{FIRST_ID + auctions - 1},"itemName":"{self._text(3, 20)}",'
                f'"description":"{self._text(3, 100)}","initialBid":{first},"reserve":{first + self._price()},'
                f'"dateTime":{time},"expires":{expires},"seller":{FIRST_ID + seller},'
                f'"category":{10 + self._below(5)},"extra":"{self._text(300, 450)}"}}\n')

    def _bid(self, auctions, persons, time):
        if self._below(2):
            auction = (auctions - 1) // HOT_OF * HOT_OF
        else:
            oldest = max(auctions - 1 - OPEN_AUCTIONS, 0)
            auction = oldest + self._below(auctions - oldest + AHEAD)
        # The one behind the hot seller, so that they are two.
        bidder = (persons - 1) // HOT_OF * HOT_OF + 1 if self._below(4) else self._any_person(persons)
        channel, address = self._channels[self._below(4) if self._below(2) else 4 + self._below(CHANNELS)]
        return (f'{{"event":"bid","auction":{FIRST_ID + auction},"bidder":{FIRST_ID + bidder},"price":{self._price()},'
                f'"channel":"{channel}","url":"{address}","dateTime":{time},"extra":"{self._text(50, 80)}"}}\n')

    def _any_person(self, persons):
        active = min(persons, ACTIVE_PERSONS)
        return persons - active + self._below(active + AHEAD)

    def _price(self):
        return round(10 ** (self._random() * 6) * 100)

    def _address(self):
        return f"https://www.nexmark.com/{self._text(3, 6)}/{self._text(3, 6)}/{self._text(3, 6)}/item.htm?query=1"

    def _text(self, shortest, longest):
        length = shortest + self._below(longest - shortest)
        at = self._below(len(self._letters) - length)
        return self._letters[at:at + length]

    def _one_of(self, choices):
        return choices[self._below(len(choices))]

    def _below(self, bound):
        return int(self._random() * bound)


def lines(events, seed=1, rate=10_000):
    auction = Auction(seed, rate)
    return map(auction.line, range(events))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=10_000, help="events a second of event time (default 10,000)")
    options = parser.parse_args()
    sys.stdout.writelines(lines(options.events, options.seed, options.rate))


if __name__ == "__main__":
    main()
