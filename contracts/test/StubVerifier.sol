// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ExtraSeats, Fault, JobId, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";
import {segmentPay} from "../types/Money.sol";

/// @title StubVerifier
/// @notice Test double: a verifier that can break in every way a verifier can.
contract StubVerifier is IVerifier {
    address public immutable BOARD;
    enum Mood {
        Pay, // everybody `pay`, with `fault`, found by `finder`
        Pending,
        Refuse, // reverts with a reason
        Devour, // burns all gas it is given
        Garbage, // answers what nobody can decode
        Flood, // reverts with a megabyte
        TooFew, // one ruling too few
        Strict, // pays, but needs a good million gas for it
        Segments // pays each seat's price for as many segments as were done
    }

    Mood public mood;
    uint128 public pay;
    Fault public fault;
    address public finder;
    uint32 public done;
    uint32 public total;
    ExtraSeats private _extra;
    Needs private _needs;

    error Sulking();

    constructor(address board) {
        BOARD = board;
    }

    function set(Mood mood_, uint128 pay_, Fault fault_, address finder_) external {
        (mood, pay, fault, finder) = (mood_, pay_, fault_, finder_);
    }

    function setSegments(uint32 done_, uint32 total_) external {
        (mood, done, total) = (Mood.Segments, done_, total_);
    }

    function setNeeds(Needs calldata needs_) external {
        _needs = needs_;
    }

    function setExtra(ExtraSeats calldata extra) external {
        _extra = extra;
    }

    function contest(address board, JobTerms calldata terms, Seat[] calldata held) external {
        IJobBoard(board).contest(terms, held);
    }

    function needs(JobTerms calldata) external view returns (Needs memory) {
        return _needs;
    }

    function seats(JobTerms calldata, JobId) external view returns (ExtraSeats memory) {
        return _extra;
    }

    function verdict(JobTerms calldata, JobId, JobWord, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory rulings)
    {
        if (mood == Mood.Pending) return (false, rulings);
        require(mood != Mood.Refuse, Sulking());
        if (mood == Mood.Devour) {
            assembly {
                invalid() // takes all gas at once: the chain that the tests run on needs half a minute to loop it away
            }
        }
        if (mood == Mood.Strict) _burn(1_500_000);
        if (mood == Mood.Garbage || mood == Mood.Flood) _break(mood == Mood.Flood);
        rulings = new Ruling[](mood == Mood.TooFew ? held.length - 1 : held.length);
        for (uint256 i = 0; i < rulings.length; ++i) {
            uint128 earned = mood == Mood.Segments ? segmentPay(held[i].price, done, total) : pay;
            rulings[i] = Ruling({pay: earned, fault: fault, agreed: fault == Fault.None, finder: finder});
        }
        return (true, rulings);
    }

    function _burn(uint256 amount) private view {
        uint256 start = gasleft();
        while (start - gasleft() < amount) {}
    }

    function _break(bool flood) private pure {
        assembly {
            if flood {
                revert(0, 100000)
            }
            mstore(0, 1)
            mstore(32, not(0))
            return(0, 64)
        }
    }
}
